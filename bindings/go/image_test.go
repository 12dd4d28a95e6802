package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// memory is a Loader over blobs in memory.
type memory struct {
	root  []byte
	blobs map[string][]byte
	// open may fail, panic or wrap a stream; nil does nothing.
	open func(what string, r io.ReadCloser) (io.ReadCloser, error)
}

func (m *memory) RootDigest(context.Context) (string, error) { return digestOf(m.root), nil }

func (m *memory) OpenRootManifest(context.Context) (io.ReadCloser, error) {
	return m.serve("root", m.root)
}

func (m *memory) OpenManifest(_ context.Context, digest string) (io.ReadCloser, error) {
	return m.find("manifest", digest)
}

func (m *memory) OpenBlob(_ context.Context, digest string) (io.ReadCloser, error) {
	return m.find("blob", digest)
}

func (m *memory) find(what, digest string) (io.ReadCloser, error) {
	content, ok := m.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", digest, fs.ErrNotExist)
	}
	return m.serve(what, content)
}

func (m *memory) serve(what string, content []byte) (io.ReadCloser, error) {
	r := io.NopCloser(bytes.NewReader(content))
	if m.open != nil {
		return m.open(what, r)
	}
	return r, nil
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func (m *memory) put(mediaType string, content []byte) map[string]any {
	digest := digestOf(content)
	m.blobs[digest] = content
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(content)}
}

func (m *memory) putJSON(mediaType string, document any) map[string]any {
	content, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	return m.put(mediaType, content)
}

// tarOf returns a tar of one file.
func tarOf(content string) []byte {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	_ = w.WriteHeader(&tar.Header{Name: "file", Size: int64(len(content)), Mode: 0o644})
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return buffer.Bytes()
}

// sample is an index of one image for linux/arm64 with one layer.
func sample(layer []byte) *memory {
	m := &memory{blobs: map[string][]byte{}}
	l := m.put("application/vnd.oci.image.layer.v1.tar", layer)
	config := m.putJSON("application/vnd.oci.image.config.v1+json", map[string]any{
		"os": "linux", "architecture": "arm64",
		"config": map[string]any{"Env": []string{"A=b"}, "Labels": map[string]string{"k": "v"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{l["digest"]}},
	})
	manifest := m.putJSON("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": config, "layers": []any{l},
		"annotations": map[string]string{"note": "x"},
	})
	manifest["platform"] = map[string]string{"os": "linux", "architecture": "arm64"}
	m.root, _ = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
		"manifests": []any{manifest},
	})
	return m
}

var arm64 = Platform{OS: "linux", Architecture: "arm64"}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestLoadsSelectsAndReads(t *testing.T) {
	ctx := context.Background()
	layer := tarOf("hello")
	index := must[*Index](t)(Load(ctx, sample(layer)))
	defer index.Close()
	if !index.RootIsVerified() || index.Len() != 1 {
		t.Fatal("the root is not verified, or has not one entry")
	}
	chosen := must[*Index](t)(index.SelectByPlatform(arm64))
	image := must[*Image](t)(chosen.Image(ctx, 0))
	if p := image.Platform(); p == nil || p.String() != "linux/arm64" {
		t.Fatalf("platform: found %v", p)
	}
	config := image.Config()
	if len(config.Env) != 1 || config.Env[0] != "A=b" || config.Label("k") != "v" {
		t.Fatalf("config: found %+v", config)
	}
	if image.Annotation("note") != "x" {
		t.Fatal("the annotation is missing")
	}
	for _, l := range image.Layers() {
		r := must[*Reader](t)(l.Open(ctx, nil))
		content := must[[]byte](t)(io.ReadAll(r))
		if !bytes.Equal(content, layer) {
			t.Fatal("other content than the layer's")
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if l.DiffID() != digestOf(layer) || l.ChainID() != l.DiffID() {
			t.Fatalf("found diff ID %s, chain ID %s", l.DiffID(), l.ChainID())
		}
	}
	none := must[*Index](t)(index.SelectByPlatform(Platform{OS: "windows", Architecture: "amd64"}))
	if none.Len() != 0 {
		t.Fatal("an image for another platform was selected")
	}
}

func TestCloseFailsBeforeTheVerifiedEnd(t *testing.T) {
	ctx := context.Background()
	m := sample(tarOf("hello"))
	image := must[*Image](t)(must[*Index](t)(Load(ctx, m)).ImageFor(ctx, &arm64))
	layer := image.Layers()[0]

	r := must[*Reader](t)(layer.Open(ctx, nil))
	entries := tar.NewReader(r)
	if _, err := entries.Next(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, ErrNotVerified) {
		t.Fatalf("found %v", err)
	}

	// A tar reader stops at the zeros; Finish reads on.
	r = must[*Reader](t)(layer.Open(ctx, nil))
	for entries := tar.NewReader(r); ; {
		if _, err := entries.Next(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAlteredLayerIsRefused(t *testing.T) {
	ctx := context.Background()
	m := sample(tarOf("hello"))
	image := must[*Image](t)(must[*Index](t)(Load(ctx, m)).Image(ctx, 0))
	layer := image.Layers()[0]
	altered := bytes.Clone(m.blobs[layer.Digest()])
	altered[len(altered)-1] = 1
	m.blobs[layer.Digest()] = altered
	r := must[*Reader](t)(layer.Open(ctx, nil))
	_, err := r.WriteTo(io.Discard)
	if !errors.Is(err, DigestMismatch) {
		t.Fatalf("found %v", err)
	}
	var e *Error
	if !errors.As(err, &e) || e.Digest != layer.Digest() {
		t.Fatalf("found %+v", e)
	}
}

var errOwn = errors.New("own error")

func TestOwnErrorsComeBackAsThemselves(t *testing.T) {
	ctx := context.Background()
	for _, what := range []string{"root", "manifest", "blob"} {
		m := sample(tarOf("hello"))
		m.open = func(opened string, r io.ReadCloser) (io.ReadCloser, error) {
			if opened == what {
				return nil, fmt.Errorf("wrapped: %w", errOwn)
			}
			return r, nil
		}
		err := readAll(ctx, m)
		if !errors.Is(err, errOwn) || !errors.Is(err, CallbackFailed) {
			t.Errorf("%s: found %v", what, err)
		}
	}
}

// readAll loads the image and reads its layer.
func readAll(ctx context.Context, loader Loader) error {
	index, err := Load(ctx, loader)
	if err != nil {
		return err
	}
	defer index.Close()
	image, err := index.Image(ctx, 0)
	if err != nil {
		return err
	}
	defer image.Close()
	r, err := image.Layers()[0].Open(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := r.WriteTo(io.Discard); err != nil {
		_ = r.Close()
		return err
	}
	return r.Close()
}

type stream func([]byte) (int, error)

func (s stream) Read(p []byte) (int, error) { return s(p) }
func (stream) Close() error                 { return nil }

func TestBrokenStreams(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		read stream
		is   error
	}{
		"fails":      {func([]byte) (int, error) { return 0, errOwn }, errOwn},
		"panics":     {func([]byte) (int, error) { panic("oh") }, CallbackFailed},
		"too much":   {func(p []byte) (int, error) { return len(p) + 1, nil }, CallbackFailed},
		"negative":   {func([]byte) (int, error) { return -1, nil }, CallbackFailed},
		"never ends": {func([]byte) (int, error) { return 0, nil }, io.ErrNoProgress},
		"cut":        {func([]byte) (int, error) { return 0, io.EOF }, SizeMismatch},
	} {
		m := sample(tarOf("hello"))
		m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
			if what == "blob" {
				return test.read, nil
			}
			return r, nil
		}
		if err := readAll(ctx, m); !errors.Is(err, test.is) {
			t.Errorf("%s: found %v", name, err)
		}
	}
}

func TestPanicsBecomeErrors(t *testing.T) {
	m := sample(tarOf("hello"))
	m.open = func(string, io.ReadCloser) (io.ReadCloser, error) { panic("oh") }
	_, err := Load(context.Background(), m)
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "oh" || len(panicked.Stack) == 0 {
		t.Fatalf("found %v", err)
	}
}

func TestMissingBlobIsNotFound(t *testing.T) {
	ctx := context.Background()
	m := sample(tarOf("hello"))
	for digest := range m.blobs {
		delete(m.blobs, digest)
	}
	err := readAll(ctx, m)
	if !errors.Is(err, NotFound) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("found %v", err)
	}
}

func TestCancellation(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	m := sample(tarOf("hello"))
	m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
		if what == "blob" {
			cancel(errOwn)
		}
		return r, nil
	}
	err := readAll(ctx, m)
	if !errors.Is(err, Cancelled) || !errors.Is(err, errOwn) {
		t.Fatalf("found %v", err)
	}
	if err := readAll(ctx, sample(tarOf("hello"))); !errors.Is(err, Cancelled) {
		t.Fatalf("with a cancelled context: found %v", err)
	}
}

func TestManyGoroutines(t *testing.T) {
	ctx := context.Background()
	count := 10_000
	if testing.Short() {
		count = 500
	}
	index := must[*Index](t)(Load(ctx, sample(tarOf("hello"))))
	var group sync.WaitGroup
	errs := make(chan error, count)
	for i := range count {
		group.Add(1)
		go func() {
			defer group.Done()
			bad := i%2 == 1
			image, err := index.Image(ctx, i%2)
			switch {
			case bad && !errors.Is(err, InvalidArgument):
				errs <- fmt.Errorf("entry 1: found %v", err)
			case !bad && err != nil:
				errs <- err
			case !bad:
				r, err := image.Layers()[0].Open(ctx, nil)
				if err == nil {
					if _, err = r.WriteTo(io.Discard); err == nil {
						err = r.Close()
					}
				}
				if err != nil {
					errs <- err
				}
			}
		}()
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
}

func TestUnclosedHandlesAreFreed(t *testing.T) {
	freed := make(chan struct{})
	func() {
		m := sample(tarOf("hello"))
		index := must[*Index](t)(Load(context.Background(), m))
		runtime.AddCleanup(m, func(struct{}) { close(freed) }, struct{}{})
		_ = index.Len()
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-freed:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Fatal("the Loader is still held")
}

func TestEditsAndWrites(t *testing.T) {
	ctx := context.Background()
	base := must[*Image](t)(must[*Index](t)(Load(ctx, sample(tarOf("hello")))).Image(ctx, 0))
	image := base.Clone()
	w := must[*LayerWriter](t)(NewLayerWriter(ctx, &LayerOptions{Compression: Zstd}))
	must[int](t)(w.Write(tarOf("more")))
	layer := must[*Layer](t)(w.Finish())
	for _, err := range []error{
		w.Close(),
		image.AppendLayer(layer, &AppendOptions{CreatedBy: "test"}),
		image.SetEnv("B", "c"),
		image.SetLabel("k", "w"),
		image.SetCmd([]string{"run"}),
		image.SetEntrypoint([]string{}),
		image.SetPlatform(Platform{OS: "linux", Architecture: "amd64"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if base.ManifestDigest() == image.ManifestDigest() || len(base.Layers()) != 1 {
		t.Fatal("the clone is not independent")
	}
	if err := image.SetEnv("a=b", "c"); !errors.Is(err, InvalidArgument) {
		t.Fatalf("found %v", err)
	}

	folder := filepath.Join(t.TempDir(), "layout")
	target := must[*Target](t)(NewLayout(folder, nil))
	events := 0
	err := image.Copy(ctx, target, &CopyOptions{
		Names: []string{"v1"}, Goroutines: 2,
		Progress: func(Progress) { events++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Finish(ctx); err != nil {
		t.Fatal(err)
	}
	_ = target.Close()
	source := must[*Source](t)(Open(ctx, folder, &SourceOptions{RefName: "v1"}))
	index := must[*Index](t)(source.Load(ctx))
	again := must[*Image](t)(index.Image(ctx, 0))
	if again.ManifestDigest() != image.ManifestDigest() {
		t.Fatal("the written image has another digest")
	}
	if env := again.Config().Env; len(env) != 2 || env[1] != "B=c" {
		t.Fatalf("env: found %v", env)
	}
	if index.Entry(0).Name != "v1" || events == 0 {
		t.Fatal("no name, or no progress")
	}

	var stream bytes.Buffer
	target = must[*Target](t)(NewArchiveStream(&stream, nil))
	if err := index.Copy(ctx, target, nil); err != nil {
		t.Fatal(err)
	}
	if err := target.Finish(ctx); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(archive, stream.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	must[*Index](t)(must[*Source](t)(Open(ctx, archive, nil)).Load(ctx))
}

// memorySink is a Sink in memory.
type memorySink struct {
	mu    sync.Mutex
	blobs map[string][]byte
	roots map[string]string
	fail  error
}

type memoryBlob struct {
	sink   *memorySink
	digest string
	bytes.Buffer
}

func (s *memorySink) HasBlob(_ context.Context, d Descriptor) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, has := s.blobs[d.Digest]
	return has, nil
}

func (s *memorySink) BeginBlob(_ context.Context, d Descriptor) (BlobWriter, uint64, error) {
	return &memoryBlob{sink: s, digest: d.Digest}, 0, s.fail
}

func (s *memorySink) PutManifest(_ context.Context, d Descriptor, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[d.Digest] = content
	return nil
}

func (s *memorySink) PutRoot(_ context.Context, d Descriptor, content []byte, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roots[name] = d.Digest
	s.blobs[d.Digest] = content
	return nil
}

func (s *memorySink) Finish(context.Context) error { return nil }

func (b *memoryBlob) Commit(context.Context) error {
	b.sink.mu.Lock()
	defer b.sink.mu.Unlock()
	b.sink.blobs[b.digest] = b.Bytes()
	return nil
}

func (b *memoryBlob) Abort() {}

func TestSinkInGo(t *testing.T) {
	ctx := context.Background()
	m := sample(tarOf("hello"))
	index := must[*Index](t)(Load(ctx, m))
	sink := &memorySink{blobs: map[string][]byte{}, roots: map[string]string{}}
	target := must[*Target](t)(NewTarget(sink, 0))
	if err := index.Copy(ctx, target, &CopyOptions{Names: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	if err := target.Finish(ctx); err != nil {
		t.Fatal(err)
	}
	if sink.roots["a"] != index.RootDigest() || sink.roots["b"] != index.RootDigest() {
		t.Fatalf("roots: found %v", sink.roots)
	}
	for digest, content := range m.blobs {
		if !bytes.Equal(sink.blobs[digest], content) {
			t.Errorf("%s was not copied", digest)
		}
	}

	failing := &memorySink{blobs: map[string][]byte{}, roots: map[string]string{}, fail: errOwn}
	target = must[*Target](t)(NewTarget(failing, 0))
	if err := index.Copy(ctx, target, nil); !errors.Is(err, errOwn) {
		t.Fatalf("found %v", err)
	}
}

func TestIndexBuilder(t *testing.T) {
	ctx := context.Background()
	image := must[*Image](t)(must[*Index](t)(Load(ctx, sample(tarOf("hello")))).Image(ctx, 0))
	b := must[*IndexBuilder](t)(NewIndexBuilder(OCI))
	if err := b.AddImage(image, nil); err != nil {
		t.Fatal(err)
	}
	note := "x"
	if err := b.SetAnnotation("note", &note); err != nil {
		t.Fatal(err)
	}
	index := must[*Index](t)(b.Finish(ctx))
	if p := index.Entry(0).Platform; p == nil || p.Architecture != "arm64" {
		t.Fatalf("platform: found %v", p)
	}
	if !strings.Contains(string(index.RootJSON()), `"note"`) {
		t.Fatal("the annotation is missing")
	}
}

func ExampleLoad() {
	ctx := context.Background()
	index, err := Load(ctx, sample(tarOf("hello")))
	if err != nil {
		panic(err)
	}
	defer index.Close()
	image, err := index.ImageFor(ctx, &Platform{OS: "linux", Architecture: "arm64"})
	if err != nil {
		panic(err)
	}
	for _, layer := range image.Layers() {
		r, err := layer.Open(ctx, nil)
		if err != nil {
			panic(err)
		}
		n, err := r.WriteTo(io.Discard)
		if err == nil {
			err = r.Close()
		}
		fmt.Println(n, err)
	}
	// Output: 2048 <nil>
}
