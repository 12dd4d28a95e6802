package image

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import "runtime"

// Platform is what an image runs on. Absent parts are "".
type Platform struct {
	OS           string
	Architecture string
	Variant      string
	OSVersion    string
	OSFeatures   []string
}

// ParsePlatform parses "linux/arm64", "arm64" or "windows(10.0.17763)/amd64".
func ParsePlatform(specifier string) (Platform, error) {
	text := C.CString(specifier)
	defer freeString(text)
	var out *C.ociimg_platform
	var err *C.ociimg_error
	status := C.ociimg_platform_parse(text, nil, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return Platform{}, e
	}
	return *takePlatform(out), nil
}

// HostPlatform returns the platform of this machine.
func HostPlatform() Platform { return *takePlatform(C.ociimg_platform_host()) }

// String returns os(version+feature)/architecture/variant.
func (p Platform) String() string {
	c, err := p.handle()
	if err != nil {
		return ""
	}
	defer C.ociimg_platform_free(c)
	return goString(C.ociimg_platform_format_all(c))
}

// Normalize returns the platform with the usual names of its parts.
func (p Platform) Normalize() (Platform, error) {
	c, err := p.handle()
	if err != nil {
		return Platform{}, err
	}
	defer C.ociimg_platform_free(c)
	return *takePlatform(C.ociimg_platform_normalize(c)), nil
}

func (p Platform) handle() (*C.ociimg_platform, error) {
	parts := [4]*C.char{cString(p.OS), cString(p.Architecture), cString(p.Variant), cString(p.OSVersion)}
	defer func() {
		for _, part := range parts {
			freeString(part)
		}
	}()
	features, free := cStrings(p.OSFeatures)
	defer free()
	var out *C.ociimg_platform
	var err *C.ociimg_error
	status := C.ociimg_platform_new(parts[0], parts[1], parts[2], parts[3], features, C.size_t(len(p.OSFeatures)), &out, &err)
	return out, noScope.take(status, err)
}

// takePlatform copies a platform of the library, and frees it; nil for none.
func takePlatform(c *C.ociimg_platform) *Platform {
	if c == nil {
		return nil
	}
	defer C.ociimg_platform_free(c)
	p := &Platform{
		OS:           goString(C.ociimg_platform_os(c)),
		Architecture: goString(C.ociimg_platform_architecture(c)),
		Variant:      goString(C.ociimg_platform_variant(c)),
		OSVersion:    goString(C.ociimg_platform_os_version(c)),
	}
	for i := C.size_t(0); i < C.ociimg_platform_os_feature_count(c); i++ {
		p.OSFeatures = append(p.OSFeatures, goString(C.ociimg_platform_os_feature_at(c, i)))
	}
	return p
}

// Matcher decides which platforms match, and which is the better one.
type Matcher struct{ ptr *C.ociimg_matcher }

func newMatcher(ptr *C.ociimg_matcher) *Matcher {
	m := &Matcher{ptr}
	runtime.AddCleanup(m, func(ptr *C.ociimg_matcher) { C.ociimg_matcher_free(ptr) }, ptr)
	return m
}

// MatchOnly matches what a machine of the platform runs.
func MatchOnly(p Platform) (*Matcher, error) {
	c, err := p.handle()
	if err != nil {
		return nil, err
	}
	defer C.ociimg_platform_free(c)
	return newMatcher(C.ociimg_matcher_only(c)), nil
}

// MatchOnlyStrict matches the platform itself.
func MatchOnlyStrict(p Platform) (*Matcher, error) {
	c, err := p.handle()
	if err != nil {
		return nil, err
	}
	defer C.ociimg_platform_free(c)
	return newMatcher(C.ociimg_matcher_only_strict(c)), nil
}

// MatchAny matches each of the platforms, all alike.
func MatchAny(platforms ...Platform) (*Matcher, error) { return matchList(platforms, true) }

// MatchOrdered matches each of the platforms, the first best.
func MatchOrdered(platforms ...Platform) (*Matcher, error) { return matchList(platforms, false) }

func matchList(platforms []Platform, any bool) (*Matcher, error) {
	handles := make([]*C.ociimg_platform, len(platforms), len(platforms)+1)
	defer func() {
		for _, handle := range handles {
			C.ociimg_platform_free(handle)
		}
	}()
	for i, p := range platforms {
		handle, err := p.handle()
		if err != nil {
			return nil, err
		}
		handles[i] = handle
	}
	list := &handles[:1][0]
	if any {
		return newMatcher(C.ociimg_matcher_any(list, C.size_t(len(platforms)))), nil
	}
	return newMatcher(C.ociimg_matcher_ordered(list, C.size_t(len(platforms)))), nil
}

// MatchAll matches every platform.
func MatchAll() *Matcher { return newMatcher(C.ociimg_matcher_all()) }

// MatchDefault matches what this machine runs.
func MatchDefault() *Matcher { return newMatcher(C.ociimg_matcher_default(nil)) }

// Match reports whether the platform matches.
func (m *Matcher) Match(p Platform) bool {
	c, err := p.handle()
	if err != nil {
		return false
	}
	defer C.ociimg_platform_free(c)
	defer runtime.KeepAlive(m)
	return toBool(C.ociimg_matcher_match(m.ptr, c))
}
