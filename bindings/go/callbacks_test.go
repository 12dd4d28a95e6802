package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// brokenSample has an entry whose manifest is missing, and none that says its platform.
func brokenSample() *memory {
	m := sample(tarOf("hello"))
	var root map[string]any
	_ = json.Unmarshal(m.root, &root)
	entry := root["manifests"].([]any)[0].(map[string]any)
	delete(entry, "platform")
	delete(m.blobs, entry["digest"].(string))
	m.root, _ = json.Marshal(root)
	return m
}

func TestBrokenEntriesKeepTheirError(t *testing.T) {
	ctx := context.Background()
	index := must[*Index](t)(Load(ctx, brokenSample()))
	other := must[*IndexBuilder](t)(NewIndexBuilder(OCI))
	if err := other.AddIndex(index); err != nil {
		t.Fatal(err)
	}
	for name, index := range map[string]*Index{
		"loaded": index,
		"built":  must[*Index](t)(must[*IndexBuilder](t)(index.Builder()).Finish(ctx)),
		"nested": must[*Index](t)(other.Finish(ctx)),
	} {
		found := index.Entry(0)
		if found.Kind != KindBroken || !errors.Is(found.Err, NotFound) || !errors.Is(found.Err, fs.ErrNotExist) {
			t.Errorf("%s: found %v: %v", name, found.Kind, found.Err)
		}
		if _, err := index.Image(ctx, 0); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: image: found %v", name, err)
		}
	}
}

func TestErrorsOfReadersComeBackAsThemselves(t *testing.T) {
	ctx := context.Background()
	m := sample(bytes.Repeat([]byte("x"), 1<<20))
	layer := must[*Image](t)(must[*Index](t)(Load(ctx, m)).Image(ctx, 0)).Layers()[0]
	m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(r, 300<<10), stream(func([]byte) (int, error) { return 0, errOwn })), r}, nil
	}
	r := must[*Reader](t)(layer.Open(ctx, nil))
	n, err := io.Copy(io.Discard, r)
	if n == 0 || !errors.Is(err, errOwn) || !errors.Is(err, CallbackFailed) {
		t.Fatalf("after %d bytes: found %v", n, err)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, errOwn) {
		t.Fatalf("the second time: found %v", err)
	}
	if err := r.Finish(); !errors.Is(err, errOwn) {
		t.Fatalf("finish: found %v", err)
	}
	if err := r.Close(); !errors.Is(err, ErrNotVerified) {
		t.Fatalf("close: found %v", err)
	}
}

// panicking panics also where it describes itself.
type panicking struct{}

func (panicking) Error() string { panic("oh") }

func TestErrorsThatPanic(t *testing.T) {
	m := sample(tarOf("hello"))
	m.open = func(string, io.ReadCloser) (io.ReadCloser, error) { return nil, panicking{} }
	_, err := Load(context.Background(), m)
	var own panicking
	if !errors.As(err, &own) {
		t.Fatal("the error did not come back")
	}
}

func TestNilStreams(t *testing.T) {
	ctx := context.Background()
	m := sample(tarOf("hello"))
	m.open = func(string, io.ReadCloser) (io.ReadCloser, error) { return nil, nil }
	if _, err := Load(ctx, m); !errors.Is(err, CallbackFailed) {
		t.Fatalf("nil: found %v", err)
	}
	m.open = func(string, io.ReadCloser) (io.ReadCloser, error) { return (*os.File)(nil), nil }
	if _, err := Load(ctx, m); !errors.Is(err, CallbackFailed) || !errors.Is(err, os.ErrInvalid) {
		t.Fatalf("a nil *os.File: found %v", err)
	}
}

func TestCancellingWhileAStreamBlocks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := sample(tarOf("hello"))
	m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
		return stream(func([]byte) (int, error) {
			cancel()
			<-ctx.Done()
			return 0, ctx.Err()
		}), nil
	}
	if _, err := Load(ctx, m); !errors.Is(err, Cancelled) || !errors.Is(err, context.Canceled) {
		t.Fatalf("found %v", err)
	}
}

func TestDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	m := sample(tarOf("hello"))
	m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
		<-ctx.Done()
		return r, nil
	}
	if _, err := Load(ctx, m); !errors.Is(err, Cancelled) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("found %v", err)
	}
}

// layoutOf writes the sample to a folder.
func layoutOf(t testing.TB, layer []byte) string {
	t.Helper()
	ctx := context.Background()
	folder := t.TempDir()
	index, err := Load(ctx, sample(layer))
	if err != nil {
		t.Fatal(err)
	}
	target, err := NewLayout(folder, &SinkOptions{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := errors.Join(index.Copy(ctx, target, nil), target.Finish(ctx)); err != nil {
		t.Fatal(err)
	}
	return folder
}

func layerIn(t testing.TB, folder string) *Layer {
	t.Helper()
	ctx := context.Background()
	source, err := Open(ctx, folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	index, err := source.Load(ctx)
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	return image.Layers()[0]
}

func TestCancellingAReader(t *testing.T) {
	layer := layerIn(t, layoutOf(t, bytes.Repeat([]byte("x"), 1<<20)))
	ctx, cancel := context.WithCancelCause(context.Background())
	r := must[*Reader](t)(layer.Open(ctx, nil))
	must[int](t)(r.Read(make([]byte, 10)))
	cancel(errOwn)
	if _, err := r.Read(make([]byte, 10)); !errors.Is(err, Cancelled) || !errors.Is(err, errOwn) {
		t.Fatalf("found %v", err)
	}
	if err := r.Close(); !errors.Is(err, ErrNotVerified) {
		t.Fatalf("found %v", err)
	}
	if _, err := layer.Open(ctx, nil); err != nil && !errors.Is(err, Cancelled) {
		t.Fatalf("found %v", err)
	}
}

func TestCopyWithAFailingSinkAndManyGoroutines(t *testing.T) {
	ctx := context.Background()
	index := must[*Index](t)(Load(ctx, sample(tarOf("hello"))))
	for range 20 {
		failing := &memorySink{blobs: map[string][]byte{}, roots: map[string]string{}, fail: errOwn}
		target := must[*Target](t)(NewTarget(failing, 0))
		err := index.Copy(ctx, target, &CopyOptions{Goroutines: 4})
		if !errors.Is(err, errOwn) {
			t.Fatalf("found %v", err)
		}
		_ = target.Close()
	}
}

func TestProgressThatPanics(t *testing.T) {
	ctx := context.Background()
	index := must[*Index](t)(Load(ctx, sample(tarOf("hello"))))
	target := must[*Target](t)(NewLayout(t.TempDir(), nil))
	var panicked *PanicError
	err := index.Copy(ctx, target, &CopyOptions{Progress: func(Progress) { panic("oh") }})
	if !errors.As(err, &panicked) || panicked.Value != "oh" {
		t.Fatalf("found %v", err)
	}
}

// held returns how many values of Go the library holds.
func held() int64 { return states.Load() + int64(calls.inUse()) + int64(streams.inUse()) }

func TestNothingLeaks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	settle := func(want int64) int64 {
		for range 200 {
			if held() <= want {
				break
			}
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		return held()
	}
	before := settle(0) // what other tests left
	var group sync.WaitGroup
	for i := range 200 {
		group.Add(1)
		go func() {
			defer group.Done()
			m := sample(tarOf("hello"))
			m.open = func(what string, r io.ReadCloser) (io.ReadCloser, error) {
				switch {
				case i%4 == 1 && what == "blob":
					return nil, errOwn
				case i%4 == 2 && what == "manifest":
					panic("oh")
				}
				return r, nil
			}
			_ = readAll(ctx, m) // some fail
			// Half closed, half left to the garbage collector.
			index, err := Load(ctx, m)
			if err != nil {
				return
			}
			image, err := index.Image(ctx, 0)
			if err != nil {
				return
			}
			r, err := image.Layers()[0].Open(ctx, nil)
			if err != nil {
				return
			}
			_, _ = r.Read(make([]byte, 1))
			sink := &memorySink{blobs: map[string][]byte{}, roots: map[string]string{}}
			target, err := NewTarget(sink, 0)
			if err != nil {
				return
			}
			_ = index.Copy(ctx, target, &CopyOptions{Progress: func(Progress) {}})
			if i%2 == 0 {
				_, _, _, _ = r.Close(), index.Close(), image.Close(), target.Close()
			}
		}()
	}
	group.Wait()
	if after := settle(before); after > before {
		t.Fatalf("%d values are held, %d before: %d states, %d calls, %d streams",
			after, before, states.Load(), calls.inUse(), streams.inUse())
	}
}

// again is a Loader whose stream is used again and again: it allocates nothing itself.
type again struct {
	*memory
	stream io.ReadCloser
	reader *bytes.Reader
}

func (a *again) OpenBlob(_ context.Context, digest string) (io.ReadCloser, error) {
	a.reader.Reset(a.blobs[digest])
	return a.stream, nil
}

// leastAllocations returns the allocations of a run. Those of all goroutines count, and earlier
// tests may have left some: so the least of a few measurements.
func leastAllocations(run func()) float64 {
	least := testing.AllocsPerRun(20, run)
	for range 4 {
		least = min(least, testing.AllocsPerRun(20, run))
	}
	return least
}

func TestAllocations(t *testing.T) {
	background := context.Background()
	cancellable, cancel := context.WithCancel(background)
	defer cancel()
	content := tarOf(strings.Repeat("x", 1<<20))
	builtin := layerIn(t, layoutOf(t, content))
	loader := &again{memory: sample(content), reader: new(bytes.Reader)}
	loader.stream = io.NopCloser(loader.reader)
	own := must[*Image](t)(must[*Index](t)(Load(background, loader)).Image(background, 0)).Layers()[0]
	buffer := make([]byte, 4096)

	for _, test := range []struct {
		name  string
		ctx   context.Context
		layer *Layer
	}{
		{"layout", background, builtin},
		{"layout, cancellable", cancellable, builtin},
		// One of these is the string of the digest, for OpenBlob.
		{"Loader", background, own},
		{"Loader, cancellable", cancellable, own},
	} {
		r := must[*Reader](t)(test.layer.Open(test.ctx, nil))
		// Reading allocates nothing, whatever the number of reads.
		allocations := leastAllocations(func() {
			if _, err := r.Read(buffer); err != nil {
				t.Fatal(err)
			}
		})
		_ = r.Close()
		if allocations != 0 {
			t.Errorf("%s: found %v allocations a read", test.name, allocations)
		}
		allocations = leastAllocations(func() {
			r, err := test.layer.Open(test.ctx, nil)
			for err == nil {
				_, err = r.Read(buffer)
			}
			if err != io.EOF || r.Close() != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s: %v allocations a layer", test.name, allocations)
		if allocations > 6 {
			t.Errorf("%s: found %v allocations a layer, expected at most 6", test.name, allocations)
		}
	}
}

func TestManyGoroutinesWithOneLoader(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	count := 10_000
	if testing.Short() {
		count = 500
	}
	m := sample(tarOf("hello"))
	var opened, closed atomic.Int64
	m.open = func(_ string, r io.ReadCloser) (io.ReadCloser, error) {
		if opened.Add(1)%7 == 0 {
			closed.Add(1)
			return nil, errOwn
		}
		return struct {
			io.Reader
			io.Closer
		}{r, closer(func() error { closed.Add(1); return nil })}, nil
	}
	source := must[*Source](t)(NewSource(m))
	var group sync.WaitGroup
	var failed, read atomic.Int64
	for range count {
		group.Add(1)
		go func() {
			defer group.Done()
			err := func() error {
				index, err := source.Load(ctx)
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
				defer r.Close()
				_, err = r.WriteTo(io.Discard)
				return err
			}()
			switch {
			case err == nil:
				read.Add(1)
			case errors.Is(err, errOwn):
				failed.Add(1)
			default:
				t.Errorf("found %v", err)
			}
		}()
	}
	group.Wait()
	_ = source.Close()
	if failed.Load() == 0 || read.Load() == 0 || opened.Load() != closed.Load() {
		t.Fatalf("%d failed, %d read, %d streams were opened and %d closed",
			failed.Load(), read.Load(), opened.Load(), closed.Load())
	}
}

type closer func() error

func (c closer) Close() error { return c() }

// TestReadme builds the program in README.md as a user does, in a module of its own.
func TestReadme(t *testing.T) {
	readme := must[[]byte](t)(os.ReadFile("README.md"))
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	if program == nil {
		t.Fatal("README.md has no program")
	}
	here := must[string](t)(filepath.Abs("."))
	folder := t.TempDir()
	for name, content := range map[string]string{
		"main.go": string(program[1]),
		"go.mod": fmt.Sprintf("module example.org/first\n\ngo 1.24\n\n"+
			"require github.com/ociimg/ociimg/bindings/go v0.0.0\n\n"+
			"replace github.com/ociimg/ociimg/bindings/go => %s\n", here),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.Command("go", "run", ".", filepath.Join(here, "../../examples/sample"))
	run.Dir = folder
	output, err := run.CombinedOutput()
	if err != nil || !regexp.MustCompile(`^sha256:[0-9a-f]{64} \d+\n`).Match(output) {
		t.Fatalf("%v: %s", err, output)
	}
}
