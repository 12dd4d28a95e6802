package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Progress is a report of a copy. Bytes and blobs count configs and layers, each digest once; when
// the copy is done, done and skipped together are the total.
type Progress struct {
	Event        Event
	Descriptor   Descriptor // of the content that the event concerns
	BlobBytes    uint64     // of it that are in the target so far
	BytesDone    uint64     // that were written
	BytesSkipped uint64     // that the target had already, or that were left out
	BytesTotal   uint64     // of all blobs known; grows while documents are read
	BlobsDone    uint32
	BlobsSkipped uint32
	BlobsTotal   uint32
}

// Event is the event of a Progress. More may be added.
type Event int32

// The events.
const (
	EventBlob        Event = C.OCIIMG_COPY_BLOB         // bytes of a blob were copied
	EventBlobDone    Event = C.OCIIMG_COPY_BLOB_DONE    // a blob was copied and committed
	EventBlobSkipped Event = C.OCIIMG_COPY_BLOB_SKIPPED // the target has it, or it is left out
	EventRestarted   Event = C.OCIIMG_COPY_RESTARTED    // the bytes of a blob are written again
	EventManifest    Event = C.OCIIMG_COPY_MANIFEST     // a manifest or index below a root was put
	EventRoot        Event = C.OCIIMG_COPY_ROOT         // a root was put, under one of its names
)

// CopyOptions say how to copy. The zero value is the default, and so is nil.
type CopyOptions struct {
	Names           []string // to put the root under; nil is its names in a layout or archive
	Sparse          bool     // of a selection, copy its root and the selected images alone
	LeaveOutMissing bool     // skip content that the source lacks
	SkipForeign     bool     // copy no nondistributable layers
	CheckDiffIDs    bool     // unpack layers on the way, and check their diff IDs
	MaxRestarts     uint32   // of one blob; 0 is 3
	Goroutines      int      // that copy at once; 0 is 1
	// Progress is called during the copy, one call at a time. A panic ends the reports, and
	// comes back as the *PanicError of the copy.
	Progress func(Progress)
}

// Copy copies an index with everything below it. Bytes and digests never change, and all is
// verified on the way. A root is put last. The target is not finished. options may be nil.
func (x *Index) Copy(ctx context.Context, to *Target, options *CopyOptions) error {
	defer runtime.KeepAlive(x)
	return copyTo(ctx, x.ptr, nil, to, options, x.loading...)
}

// Copy copies an image as it is now, by the rules of Index.Copy.
func (m *Image) Copy(ctx context.Context, to *Target, options *CopyOptions) error {
	defer runtime.KeepAlive(m)
	return copyTo(ctx, nil, m.ptr, to, options)
}

func copyTo(ctx context.Context, index *C.ociimg_index, image *C.ociimg_image, to *Target, options *CopyOptions, earlier ...*call) error {
	if options == nil {
		options = &CopyOptions{}
	}
	var opts C.ociimg_copy_options
	names, free := cStrings(options.Names)
	defer free()
	opts.names, opts.name_count = names, C.size_t(len(options.Names))
	for _, flag := range []struct {
		set bool
		bit C.uint32_t
	}{
		{options.Sparse, C.OCIIMG_COPY_SPARSE},
		{options.LeaveOutMissing, C.OCIIMG_COPY_LEAVE_OUT_MISSING},
		{options.SkipForeign, C.OCIIMG_COPY_SKIP_FOREIGN},
		{options.CheckDiffIDs, C.OCIIMG_COPY_CHECK_DIFF_IDS},
	} {
		if flag.set {
			opts.flags |= flag.bit
		}
	}
	opts.max_restarts = C.uint32_t(options.MaxRestarts)
	var reports reporter
	var progress C.uintptr_t
	if options.Progress != nil {
		reports.report = options.Progress
		progress = newState(&reports)
		defer goociimgRelease(progress)
	}
	defer runtime.KeepAlive(to)
	var out *C.ociimg_copy
	var err *C.ociimg_error
	status := C.goociimg_copy_new(index, image, to.ptr, &opts, progress, &out, &err)
	if e := noScope.take(status, err); e != nil {
		return e
	}
	defer C.ociimg_copy_free(out)

	scope := enter(ctx, false)
	defer scope.end()
	run := func() error {
		var err *C.ociimg_error
		status := C.ociimg_copy_run(out, scope.context, &err)
		return scope.take(status, err, earlier...)
	}
	errs := make([]error, max(1, options.Goroutines))
	var group sync.WaitGroup
	for i := range errs[1:] {
		group.Add(1)
		go func() {
			defer group.Done()
			errs[i+1] = run()
		}()
	}
	errs[0] = run()
	group.Wait()
	if panicked := reports.panicked.Load(); panicked != nil {
		return panicked
	}
	// All end for one reason; the goroutine whose callback failed knows it best.
	var first error
	for _, err := range errs {
		if e, ok := err.(*Error); ok && e.cause != nil {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// reporter calls CopyOptions.Progress until it panics; the copy continues, and returns the panic.
type reporter struct {
	report   func(Progress)
	panicked atomic.Pointer[PanicError]
}

//export goociimgProgress
func goociimgProgress(handle C.uintptr_t, p *C.ociimg_copy_progress) {
	reports := stateOf(handle).(*reporter)
	if reports.panicked.Load() != nil {
		return
	}
	progress := Progress{
		Event:        Event(p.event),
		BlobBytes:    uint64(p.blob_bytes),
		BytesDone:    uint64(p.bytes_done),
		BytesSkipped: uint64(p.bytes_skipped),
		BytesTotal:   uint64(p.bytes_total),
		BlobsDone:    uint32(p.blobs_done),
		BlobsSkipped: uint32(p.blobs_skipped),
		BlobsTotal:   uint32(p.blobs_total),
	}
	if p.descriptor != nil {
		progress.Descriptor = *copyDescriptor(p.descriptor)
	}
	var panicked *PanicError
	if errors.As(guarded(func() error { reports.report(progress); return nil }), &panicked) {
		reports.panicked.CompareAndSwap(nil, panicked)
	}
}
