package image

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
)

// Status says how a call of the library ended. A Status is an error: errors.Is(err, NotFound)
// holds for each error with that status.
type Status int32

// The statuses; see docs/statuses.md for what to do about each.
const (
	InvalidArgument  Status = C.OCIIMG_STATUS_INVALID_ARGUMENT
	NotFound         Status = C.OCIIMG_STATUS_NOT_FOUND
	Unsupported      Status = C.OCIIMG_STATUS_UNSUPPORTED
	Malformed        Status = C.OCIIMG_STATUS_MALFORMED
	DigestMismatch   Status = C.OCIIMG_STATUS_DIGEST_MISMATCH
	SizeMismatch     Status = C.OCIIMG_STATUS_SIZE_MISMATCH
	LimitExceeded    Status = C.OCIIMG_STATUS_LIMIT_EXCEEDED
	Cancelled        Status = C.OCIIMG_STATUS_CANCELLED
	CallbackFailed   Status = C.OCIIMG_STATUS_CALLBACK
	CallbackContract Status = C.OCIIMG_STATUS_CALLBACK_CONTRACT
	IO               Status = C.OCIIMG_STATUS_IO
	NotAnImage       Status = C.OCIIMG_STATUS_NOT_AN_IMAGE
	Busy             Status = C.OCIIMG_STATUS_BUSY
	Internal         Status = C.OCIIMG_STATUS_INTERNAL
	Exists           Status = C.OCIIMG_STATUS_EXISTS
	Restart          Status = C.OCIIMG_STATUS_RESTART
	Conflict         Status = C.OCIIMG_STATUS_CONFLICT
	Denied           Status = C.OCIIMG_STATUS_DENIED
	Unavailable      Status = C.OCIIMG_STATUS_UNAVAILABLE
)

// String returns the name of the status, for example "DIGEST_MISMATCH".
func (s Status) String() string {
	return C.GoString(C.ociimg_status_name(C.ociimg_status(s)))
}

// Error makes a Status an error.
func (s Status) Error() string { return "ociimg: " + s.String() }

// ErrNotVerified is returned by Reader.Close when not everything was read to the verified end.
var ErrNotVerified = errors.New("ociimg: not read to its verified end; call Finish first")

// Error is a failure of the library, or of a Loader or Sink that it called.
type Error struct {
	Status  Status
	Message string // one line
	Digest  string // of the content concerned, or ""
	Errno   int    // of the system, or 0
	cause   error
}

// Error returns the message with the status before it.
func (e *Error) Error() string { return e.Status.String() + ": " + e.Message }

// Unwrap returns the error of the Loader or Sink, or the cause of the context, if that is what
// failed.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the Status of the error.
func (e *Error) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.Status
}

// PanicError is what a panic in a Loader or Sink becomes.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns the value that was passed to panic.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// take turns an error of the library into one of Go, and frees it. A nil scope has no callbacks.
// What callbacks returned in earlier calls is found there.
func (s *scope) take(status C.ociimg_status, err *C.ociimg_error, earlier ...*call) error {
	if status == C.OCIIMG_STATUS_OK {
		return nil
	}
	defer C.ociimg_error_free(err)
	return s.errorOf(Status(status), err, earlier...)
}

// noScope is for calls that take no context.
var noScope *scope

func (s *scope) errorOf(status Status, err *C.ociimg_error, earlier ...*call) error {
	e := &Error{
		Status:  status,
		Message: C.GoString(C.ociimg_error_message(err)),
		Digest:  goString(C.ociimg_error_digest(err)),
		Errno:   int(C.ociimg_error_errno(err)),
	}
	code := int64(C.ociimg_error_callback_code(err))
	if s != nil {
		e.cause = s.call.causeOf(code)
	}
	for i := 0; e.cause == nil && i < len(earlier); i++ {
		e.cause = earlier[i].causeOf(code)
	}
	if e.cause == nil && s != nil && status == Cancelled && s.ctx.Err() != nil {
		e.cause = context.Cause(s.ctx)
	}
	return e
}

// guarded runs a method of a Loader or Sink; a panic becomes an error.
func guarded(run func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return run()
}

// run is guarded, and fails without running anything under a cancelled context: AfterFunc cancels
// the library's context some time later.
func (c *call) run(run func() error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return guarded(run)
}

// fail records why a callback fails, and returns the status for the library.
func (c *call) fail(err error, running *C.ociimg_call) C.int32_t {
	status := CallbackFailed
	var own Status
	var ours *Error
	switch {
	case c.ctx.Err() != nil && err == context.Cause(c.ctx):
		status = Cancelled
	case errors.As(err, &own):
		status = own
	case errors.As(err, &ours):
		status = ours.Status
	case errors.Is(err, fs.ErrNotExist):
		status = NotFound
	case errors.Is(err, fs.ErrPermission):
		status = Denied
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status = Cancelled
	}
	if status == 0 {
		status = CallbackFailed
	}
	var message *C.char
	// Error is code of the program too.
	_ = guarded(func() error { message = cString(err.Error()); return nil })
	defer freeString(message)
	return C.ociimg_call_fail(running, C.int32_t(status), C.int64_t(c.remember(err)), message)
}
