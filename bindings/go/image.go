package image

/*
#include "shim.h"
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Format is the family of an image's documents.
type Format int32

// The formats.
const (
	OCI    Format = C.OCIIMG_FORMAT_OCI
	Docker Format = C.OCIIMG_FORMAT_DOCKER
)

// Image is an image for one platform. It can be changed; a clone is independent. Changes are made
// by one goroutine at a time, and fail without changing anything or succeed.
type Image struct {
	ptr     *C.ociimg_image
	cleanup runtime.Cleanup
	builtin bool
}

func newImage(ptr *C.ociimg_image, builtin bool) *Image {
	m := &Image{ptr: ptr, builtin: builtin}
	m.cleanup = runtime.AddCleanup(m, func(ptr *C.ociimg_image) { C.ociimg_image_free(ptr) }, ptr)
	return m
}

// New makes an image without layers.
func New(format Format, platform Platform) (*Image, error) {
	p, e := platform.handle()
	if e != nil {
		return nil, e
	}
	defer C.ociimg_platform_free(p)
	var out *C.ociimg_image
	var err *C.ociimg_error
	status := C.ociimg_image_new(C.ociimg_format(format), p, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return nil, e
	}
	return newImage(out, false), nil
}

// Close frees the image. Layers from it stay usable.
func (m *Image) Close() error {
	if m.ptr != nil {
		m.cleanup.Stop()
		C.ociimg_image_free(m.ptr)
		m.ptr = nil
	}
	return nil
}

// Clone returns an independent copy.
func (m *Image) Clone() *Image {
	defer runtime.KeepAlive(m)
	return newImage(C.ociimg_image_clone(m.ptr), m.builtin)
}

// Platform returns the image's platform, or nil.
func (m *Image) Platform() *Platform {
	defer runtime.KeepAlive(m)
	return takePlatform(C.ociimg_image_platform(m.ptr))
}

// Layers returns the layers, lowest first.
func (m *Image) Layers() []*Layer {
	defer runtime.KeepAlive(m)
	var layers []*Layer
	for i := C.size_t(0); i < C.ociimg_image_layer_count(m.ptr); i++ {
		layers = append(layers, newLayer(C.ociimg_image_layer(m.ptr, i), m.builtin))
	}
	return layers
}

// Annotations returns the annotations of the manifest.
func (m *Image) Annotations() []KeyValue {
	defer runtime.KeepAlive(m)
	return pairs(func(i C.size_t, key, value **C.char) C.ociimg_bool {
		return C.ociimg_image_annotation_at(m.ptr, i, key, value)
	})
}

// Annotation returns the value of an annotation, or "".
func (m *Image) Annotation(key string) string { return valueOf(m.Annotations(), key) }

// ManifestJSON returns the manifest; that of an image that was not changed, as it was read.
func (m *Image) ManifestJSON() []byte {
	defer runtime.KeepAlive(m)
	var length C.size_t
	bytes := C.ociimg_image_manifest_json(m.ptr, &length)
	return goBytes(bytes, length)
}

// ConfigJSON returns the config; that of an image that was not changed, as it was read.
func (m *Image) ConfigJSON() []byte {
	defer runtime.KeepAlive(m)
	var length C.size_t
	bytes := C.ociimg_image_config_json(m.ptr, &length)
	return goBytes(bytes, length)
}

// ManifestDigest returns the digest of the manifest.
func (m *Image) ManifestDigest() string {
	defer runtime.KeepAlive(m)
	return goString(C.ociimg_image_manifest_digest(m.ptr))
}

// ConfigDigest returns the digest of the config.
func (m *Image) ConfigDigest() string {
	defer runtime.KeepAlive(m)
	return goString(C.ociimg_image_config_digest(m.ptr))
}

// Manifest returns the image's manifest.
func (m *Image) Manifest() *Manifest {
	defer runtime.KeepAlive(m)
	return takeManifest(C.ociimg_image_manifest(m.ptr))
}

// History is one step of an image's history.
type History struct {
	Created    string
	CreatedBy  string
	Author     string
	Comment    string
	EmptyLayer bool
	Layer      int // the layer that the step made, or -1
}

// Config is an image configuration.
type Config struct {
	Created      string
	Author       string
	User         string
	WorkingDir   string
	StopSignal   string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	ExposedPorts []string
	Volumes      []string
	Labels       []KeyValue
	History      []History
	Platform     *Platform // the config's own
}

// Label returns the value of a label, or "".
func (c *Config) Label(key string) string { return valueOf(c.Labels, key) }

// Config returns the image's configuration.
func (m *Image) Config() *Config {
	defer runtime.KeepAlive(m)
	c := C.ociimg_image_config(m.ptr)
	defer C.ociimg_config_free(c)
	config := &Config{
		Created:    goString(C.ociimg_config_created(c)),
		Author:     goString(C.ociimg_config_author(c)),
		User:       goString(C.ociimg_config_user(c)),
		WorkingDir: goString(C.ociimg_config_working_dir(c)),
		StopSignal: goString(C.ociimg_config_stop_signal(c)),
		Platform:   takePlatform(C.ociimg_config_platform(c)),
		Env: list(C.ociimg_config_env_count(c), func(i C.size_t) *C.char {
			return C.ociimg_config_env_at(c, i)
		}),
		Entrypoint: list(C.ociimg_config_entrypoint_count(c), func(i C.size_t) *C.char {
			return C.ociimg_config_entrypoint_at(c, i)
		}),
		Cmd: list(C.ociimg_config_cmd_count(c), func(i C.size_t) *C.char {
			return C.ociimg_config_cmd_at(c, i)
		}),
		ExposedPorts: list(C.ociimg_config_exposed_port_count(c), func(i C.size_t) *C.char {
			return C.ociimg_config_exposed_port_at(c, i)
		}),
		Volumes: list(C.ociimg_config_volume_count(c), func(i C.size_t) *C.char {
			return C.ociimg_config_volume_at(c, i)
		}),
		Labels: pairs(func(i C.size_t, key, value **C.char) C.ociimg_bool {
			return C.ociimg_config_label_at(c, i, key, value)
		}),
	}
	for i := C.size_t(0); i < C.ociimg_config_history_count(c); i++ {
		step := History{
			Created:    goString(C.ociimg_config_history_created(c, i)),
			CreatedBy:  goString(C.ociimg_config_history_created_by(c, i)),
			Author:     goString(C.ociimg_config_history_author(c, i)),
			Comment:    goString(C.ociimg_config_history_comment(c, i)),
			EmptyLayer: toBool(C.ociimg_config_history_empty_layer(c, i)),
			Layer:      -1,
		}
		var layer C.size_t
		if toBool(C.ociimg_config_history_layer(c, i, &layer)) {
			step.Layer = int(layer)
		}
		config.History = append(config.History, step)
	}
	return config
}

func list(count C.size_t, at func(C.size_t) *C.char) []string {
	var texts []string
	for i := C.size_t(0); i < count; i++ {
		texts = append(texts, goString(at(i)))
	}
	return texts
}

// HistoryRule says whether an appended layer gets a step of history.
type HistoryRule int32

// The rules. HistoryByRule adds one where history fits the layers.
const (
	HistoryByRule HistoryRule = C.OCIIMG_HISTORY_BY_RULE
	HistoryAlways HistoryRule = C.OCIIMG_HISTORY_ALWAYS
	HistoryNever  HistoryRule = C.OCIIMG_HISTORY_NEVER
)

// AppendOptions describe a step of history, and the layer's media type.
type AppendOptions struct {
	Created   string // RFC 3339
	CreatedBy string
	Author    string
	Comment   string
	MediaType string // "": by the manifest's family and the compression
	History   HistoryRule
}

func (o *AppendOptions) handle() (*C.ociimg_append_options, func()) {
	opts := new(C.ociimg_append_options)
	opts.struct_size = C.size_t(unsafe.Sizeof(*opts))
	if o == nil {
		return opts, func() {}
	}
	opts.created = cString(o.Created)
	opts.created_by = cString(o.CreatedBy)
	opts.author = cString(o.Author)
	opts.comment = cString(o.Comment)
	opts.media_type = cString(o.MediaType)
	opts.history = C.int32_t(o.History)
	return opts, func() {
		for _, text := range []*C.char{opts.created, opts.created_by, opts.author, opts.comment, opts.media_type} {
			freeString(text)
		}
	}
}

// edit runs a change of the image.
func (m *Image) edit(change func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status) error {
	defer runtime.KeepAlive(m)
	var err *C.ociimg_error
	status := change(m.ptr, &err)
	return noScope.take(status, err)
}

// setText runs a setter of one text; "" removes.
func (m *Image) setText(value string, set func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status) error {
	text := cString(value)
	defer freeString(text)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status { return set(image, text, err) })
}

// setPair runs a setter of a key; a nil value removes the key.
func (m *Image) setPair(key string, value *string, set func(image *C.ociimg_image, key, value *C.char, err **C.ociimg_error) C.ociimg_status) error {
	name := C.CString(key)
	defer freeString(name)
	var text *C.char
	if value != nil {
		text = C.CString(*value)
		defer freeString(text)
	}
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status { return set(image, name, text, err) })
}

// AppendLayer adds a layer on top. options may be nil.
func (m *Image) AppendLayer(layer *Layer, options *AppendOptions) error {
	opts, free := options.handle()
	defer free()
	defer runtime.KeepAlive(layer)
	m.builtin = m.builtin && layer.builtin
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_append_layer(image, layer.ptr, opts, err)
	})
}

// ReplaceLayer replaces the layer at a place; the history stays.
func (m *Image) ReplaceLayer(i int, layer *Layer) error {
	defer runtime.KeepAlive(layer)
	m.builtin = m.builtin && layer.builtin
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_replace_layer(image, C.size_t(i), layer.ptr, err)
	})
}

// RemoveLayer removes the layer at a place, and its step of history.
func (m *Image) RemoveLayer(i int) error {
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_remove_layer(image, C.size_t(i), err)
	})
}

// AddHistory adds a step without a layer.
func (m *Image) AddHistory(step AppendOptions) error {
	opts, free := step.handle()
	defer free()
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_add_history(image, opts, err)
	})
}

// SetPlatform sets the platform; parts that are absent are removed.
func (m *Image) SetPlatform(platform Platform) error {
	p, err := platform.handle()
	if err != nil {
		return err
	}
	defer C.ociimg_platform_free(p)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_platform(image, p, err)
	})
}

// SetCreated sets the time of creation (RFC 3339); "" removes it.
func (m *Image) SetCreated(value string) error {
	return m.setText(value, func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_created(image, value, err)
	})
}

// SetAuthor sets the author; "" removes it.
func (m *Image) SetAuthor(value string) error {
	return m.setText(value, func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_author(image, value, err)
	})
}

// SetUser sets the user; "" removes it.
func (m *Image) SetUser(value string) error {
	return m.setText(value, func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_user(image, value, err)
	})
}

// SetWorkingDir sets the working directory; "" removes it.
func (m *Image) SetWorkingDir(value string) error {
	return m.setText(value, func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_working_dir(image, value, err)
	})
}

// SetStopSignal sets the signal that stops the container; "" removes it.
func (m *Image) SetStopSignal(value string) error {
	return m.setText(value, func(image *C.ociimg_image, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_stop_signal(image, value, err)
	})
}

// words returns a list in memory of C that is not NULL for an empty slice: nil removes, empty is [].
func words(texts []string) (**C.char, func()) {
	if texts == nil {
		return nil, func() {}
	}
	// One more than needed, so that there is memory to point to.
	return cStrings(append(append([]string{}, texts...), ""))
}

// SetEntrypoint sets the entrypoint; nil removes it, an empty slice writes []. Cmd stays.
func (m *Image) SetEntrypoint(entrypoint []string) error {
	list, free := words(entrypoint)
	defer free()
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_entrypoint(image, list, C.size_t(len(entrypoint)), err)
	})
}

// SetCmd sets the command; nil removes it, an empty slice writes []. Entrypoint stays.
func (m *Image) SetCmd(cmd []string) error {
	list, free := words(cmd)
	defer free()
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_cmd(image, list, C.size_t(len(cmd)), err)
	})
}

// SetEnv sets a variable in its place, or as the last.
func (m *Image) SetEnv(name, value string) error { return m.setEnv(name, &value) }

// RemoveEnv removes a variable.
func (m *Image) RemoveEnv(name string) error { return m.setEnv(name, nil) }

func (m *Image) setEnv(name string, value *string) error {
	return m.setPair(name, value, func(image *C.ociimg_image, key, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_env(image, key, value, err)
	})
}

// SetLabel sets a label.
func (m *Image) SetLabel(key, value string) error { return m.setLabel(key, &value) }

// RemoveLabel removes a label.
func (m *Image) RemoveLabel(key string) error { return m.setLabel(key, nil) }

func (m *Image) setLabel(key string, value *string) error {
	return m.setPair(key, value, func(image *C.ociimg_image, key, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_label(image, key, value, err)
	})
}

// SetAnnotation sets an annotation of the manifest.
func (m *Image) SetAnnotation(key, value string) error { return m.setAnnotation(key, &value) }

// RemoveAnnotation removes an annotation of the manifest.
func (m *Image) RemoveAnnotation(key string) error { return m.setAnnotation(key, nil) }

func (m *Image) setAnnotation(key string, value *string) error {
	return m.setPair(key, value, func(image *C.ociimg_image, key, value *C.char, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_annotation(image, key, value, err)
	})
}

// SetExposedPort adds or removes a port, for example "8080/tcp".
func (m *Image) SetExposedPort(port string, present bool) error {
	text := C.CString(port)
	defer freeString(text)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_exposed_port(image, text, cBool(present), err)
	})
}

// SetVolume adds or removes a volume.
func (m *Image) SetVolume(path string, present bool) error {
	text := C.CString(path)
	defer freeString(text)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_volume(image, text, cBool(present), err)
	})
}

// SetConfigMember sets a member of the config's "config" object, for example "Healthcheck", to
// JSON; nil removes it.
func (m *Image) SetConfigMember(name string, json []byte) error {
	text := C.CString(name)
	defer freeString(text)
	defer runtime.KeepAlive(json)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_config_member(image, text, cBytes(json), C.size_t(len(json)), err)
	})
}

// SetConfigJSON replaces the config document. Its diff IDs must be those of the layers.
func (m *Image) SetConfigJSON(json []byte) error {
	defer runtime.KeepAlive(json)
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_set_config_json(image, cBytes(json), C.size_t(len(json)), err)
	})
}

// Convert changes the media types of manifest, config and layers. Touches no blob.
func (m *Image) Convert(format Format) error {
	return m.edit(func(image *C.ociimg_image, err **C.ociimg_error) C.ociimg_status {
		return C.ociimg_image_convert(image, C.ociimg_format(format), err)
	})
}
