/* Generated from src/ffi and include/preamble.txt; do not edit.
 * `UPDATE=1 cargo test --test header` makes it anew. */

/**
 * @file ociimg.h
 * @brief Loads, verifies, changes and writes OCI and Docker container images.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * @mainpage ociimg
 *
 * ociimg loads OCI and Docker container images from any source a program can offer,
 * verifies every byte, picks the right platform, reads layers as pull streams, and lets a
 * program change an image and write it again.
 *
 * A loader (ociimg_loader_open(), or ociimg_loader_new() with callbacks of your own) gives
 * an index (ociimg_index_load()), which lists images by platform (ociimg_index_select()). An
 * image (ociimg_index_image()) gives its config and its layers, and a layer
 * (ociimg_layer_open()) gives a reader. The sections of this header follow that way.
 *
 * @section ownership Ownership
 * Every handle that a function returns or puts in an out-pointer belongs to the caller, who
 * frees it with the `_free` function of its type: once, in any order, on any thread.
 * `_free(NULL)` does nothing. A handle keeps alive whatever it depends on: a reader goes on
 * when its layer, image, index and loader are freed. Texts and structs that are passed in
 * are copied.
 *
 * @section text Text and bytes
 * Text is NUL-terminated UTF-8, in and out; paths are bytes. Text that comes out is
 * borrowed: it lives as long as the handle that it was asked of is neither freed nor
 * changed. Absent text is NULL. An optional text that is "" counts as absent, in and out;
 * items of lists and values of annotations and labels may be "". A document with U+0000 in a
 * text is #OCIIMG_STATUS_MALFORMED.
 *
 * Bytes are a pointer and a length; the pointer to the length may be NULL where it is not
 * wanted. Absent is NULL; present but empty is a pointer and length 0.
 *
 * @section failing Failing
 * A function that can fail returns an #ociimg_status; #OCIIMG_STATUS_OK is 0. Its
 * out-pointers are set to NULL or 0 on entry. `err` may be NULL; on failure `*err` is a new
 * error, to be freed with ociimg_error_free(), on success NULL. There is no thread-local
 * state. A function that changes a handle succeeds or leaves it as it was. Take an unknown
 * status as a failure: numbers may be added.
 *
 * (In C, `check(f(..., &err), err)` may read `err` before `f` runs: pass `&err`.)
 *
 * Each function names the statuses that it can give, beside #OCIIMG_STATUS_INTERNAL, which
 * any of them can. Four sets of them have names:
 *
 * - The statuses of @b arguments: #OCIIMG_STATUS_INVALID_ARGUMENT, for a NULL that must not
 *   be, a text that is not UTF-8 and an index beyond the end.
 * - The statuses of @b options: those of arguments, also for a `struct_size` that cannot be
 *   right, and #OCIIMG_STATUS_UNSUPPORTED, for a field or flag that this version does not
 *   know.
 * - The statuses of a @b callback: #OCIIMG_STATUS_CANCELLED, #OCIIMG_STATUS_CALLBACK,
 *   #OCIIMG_STATUS_CALLBACK_CONTRACT, and those that callbacks may return:
 *   #OCIIMG_STATUS_NOT_FOUND, #OCIIMG_STATUS_DENIED and #OCIIMG_STATUS_UNAVAILABLE; where a
 *   sink is written also #OCIIMG_STATUS_INVALID_ARGUMENT, #OCIIMG_STATUS_LIMIT_EXCEEDED,
 *   #OCIIMG_STATUS_EXISTS and #OCIIMG_STATUS_CONFLICT.
 * - The statuses of a @b source: those of a callback, and #OCIIMG_STATUS_UNSUPPORTED,
 *   #OCIIMG_STATUS_MALFORMED, #OCIIMG_STATUS_DIGEST_MISMATCH,
 *   #OCIIMG_STATUS_SIZE_MISMATCH, #OCIIMG_STATUS_LIMIT_EXCEEDED and #OCIIMG_STATUS_IO.
 *
 * @section getters Getters
 * Functions that return no status give NULL, 0 or false for a NULL handle, for what is out
 * of range or absent, and clear their out-pointers then. Those that return a new handle give
 * NULL for bad arguments, and where there is none to give.
 *
 * @section threads Threads
 * A function that takes a const handle may run on that handle from several threads at once;
 * ociimg_reader_stored_read() and ociimg_reader_is_verified() may also run during a read.
 * One that takes a handle without const, and `_free`, needs it for itself alone. Threads
 * that the library starts (never more than the `workers` of the options) block all signals
 * and run no callbacks.
 *
 * @section callbacks Callbacks
 * A function whose documentation says that it runs callbacks runs those of the loader or
 * sink concerned, on the calling thread, before it returns; no other function runs any,
 * except that `_free` functions may run `close`, `abort_blob` and `destroy`. Callbacks run at
 * once on several threads if the program uses handles on several; one stream never does. No
 * lock is held across a callback, and every call holds references of its own: a callback may
 * call the library and free handles. Nothing may unwind or longjmp out of a callback: a C++
 * exception that does ends the program.
 *
 * @section structs Structs
 * Structs of options and callbacks begin with `struct_size`: sizeof the struct, as your
 * program knows it. Set the rest to zero: a field that is 0 or NULL has its default, and a
 * NULL pointer to options is all defaults. A shorter struct is completed with zeros; a
 * longer one is accepted while all that this library does not know in it is zero, else
 * #OCIIMG_STATUS_UNSUPPORTED, as is an unknown bit in `flags`. A size below that of the first
 * version or above 4096 is #OCIIMG_STATUS_INVALID_ARGUMENT.
 *
 * @section memory Memory
 * Where the system has no memory left, the program ends (abort); only the window of a
 * compressed layer is #OCIIMG_STATUS_LIMIT_EXCEEDED then. What an image can make the library
 * use is bounded by the options and by the limits that ociimg_loader_open_archive() names.
 *
 * @section process The process
 * The library changes nothing of the process: no signal handler, no locale, no environment,
 * no working directory.
 *
 * - @b fork: a child may go on with all handles, if no other thread of the parent was inside
 *   the library at the fork. Two exceptions: a reader or layer writer that had started a
 *   worker has lost it, so reading and writing fail with #OCIIMG_STATUS_UNSUPPORTED in the
 *   child, and freeing it does not wait; and a stream that was open shares its file position
 *   with the parent, so only one of the two may read it.
 * - @b pthread_cancel: a thread that is cancelled inside the library ends the program. Disable
 *   cancellation around calls, and cancel with ociimg_context_cancel().
 * - @b SIGXFSZ: where files have a size limit (RLIMIT_FSIZE), a temporary file or sink that
 *   reaches it raises this signal, which ends the program by default. Ignored, it becomes
 *   #OCIIMG_STATUS_IO.
 */
#ifndef OCIIMG_H
#define OCIIMG_H

#include <stddef.h>
#include <stdint.h>

/** The version of this header; that of the library in use is ociimg_version(). */
#define OCIIMG_VERSION "0.2.0"
/** major * 1000000 + minor * 1000 + patch, to compare with ociimg_version_number(). */
#define OCIIMG_VERSION_NUMBER 2000

/** Warns where a status is ignored. Define it as empty before this header for no warnings. */
#ifndef OCIIMG_MUST_USE
#if defined(__cplusplus) && __cplusplus >= 201703L
#define OCIIMG_MUST_USE [[nodiscard]]
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L
#define OCIIMG_MUST_USE [[nodiscard]]
#elif defined(__GNUC__)
#define OCIIMG_MUST_USE __attribute__((__warn_unused_result__))
#else
#define OCIIMG_MUST_USE
#endif
#endif

/* Constants are ints in C. In C++ they get the type of the numbers that they are values of. */
#ifdef __cplusplus
#define OCIIMG_INT32_ENUM : int32_t
#else
#define OCIIMG_INT32_ENUM
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version and basic types ----------------------------------------------------------- */

/**
 * @defgroup version Version and basic types
 * Which version is in use, and truth values.
 * @{
 */

/**
 * A truth value: 1 or 0. C's own bool is one byte, which the bindings of several languages
 * read as four.
 */
typedef int32_t ociimg_bool;

/**
 * The version of the library in use, as "major.minor.patch". Static text, never NULL.
 * Any thread.
 */
const char *ociimg_version(void);

/**
 * The version of the library in use as one number to compare:
 * major * 1000000 + minor * 1000 + patch. Any thread.
 */
uint32_t ociimg_version_number(void);

/** @} */

/* ---- Statuses and errors --------------------------------------------------------------- */

/**
 * @defgroup error Statuses and errors
 * How calls end, and why they failed.
 * @{
 */

/**
 * How a call ended: one of the OCIIMG_STATUS_ constants. More may be added: take an
 * unknown number as a failure.
 */
typedef int32_t ociimg_status;

/** The values of ociimg_status. */
enum ociimg_status_values OCIIMG_INT32_ENUM {
  /** Success. */
  OCIIMG_STATUS_OK = 0,
  /**
   * NULL where it must not be, an index beyond the end, a text that is not UTF-8, an
   * invalid platform or digest, an impossible struct_size, a call after the end of a writer
   * or sink.
   */
  OCIIMG_STATUS_INVALID_ARGUMENT = 1,
  /** The source has no such file, blob or manifest. */
  OCIIMG_STATUS_NOT_FOUND = 2,
  /**
   * A media type, digest algorithm, layout version or compression that this library does
   * not know, a Docker schema 1 manifest, an edit that the format of the image has no form
   * for, or an option of a newer library.
   */
  OCIIMG_STATUS_UNSUPPORTED = 3,
  /** JSON, an archive or compressed data breaks its format. */
  OCIIMG_STATUS_MALFORMED = 4,
  /** Content does not match its digest or diff ID. */
  OCIIMG_STATUS_DIGEST_MISMATCH = 5,
  /** Content is longer or shorter than the size in its descriptor. */
  OCIIMG_STATUS_SIZE_MISMATCH = 6,
  /**
   * A limit of the options (size of a document or of all, index depth, entries, unpacked
   * and uncompressed size, window, size of a layer), or one of those that
   * ociimg_loader_open_archive, ociimg_sink_open_layout and ociimg_copy_run name.
   */
  OCIIMG_STATUS_LIMIT_EXCEEDED = 7,
  /** The context was cancelled, or a callback reported that. */
  OCIIMG_STATUS_CANCELLED = 8,
  /** A callback reported a failure of its own. */
  OCIIMG_STATUS_CALLBACK = 9,
  /**
   * A callback broke the rules of its table, ociimg_loader_vtable or ociimg_sink_vtable.
   */
  OCIIMG_STATUS_CALLBACK_CONTRACT = 10,
  /** An operation of the operating system failed. */
  OCIIMG_STATUS_IO = 11,
  /** The entry is an artifact, an attestation or unknown content. */
  OCIIMG_STATUS_NOT_AN_IMAGE = 12,
  /**
   * The handle is in use: by the call that runs this callback, by a change on another
   * thread or, for a sink to be finished, by a copy.
   */
  OCIIMG_STATUS_BUSY = 13,
  /**
   * A bug in the library, contained: the handle concerned can no longer be used, all
   * others can. Details are also written to stderr.
   */
  OCIIMG_STATUS_INTERNAL = 14,
  /** A sink has the blob already, or a target exists that must be new. */
  OCIIMG_STATUS_EXISTS = 15,
  /**
   * From callbacks of a sink only: asks for the blob again, since its written bytes are lost.
   */
  OCIIMG_STATUS_RESTART = 16,
  /** Another program changed the target meanwhile. */
  OCIIMG_STATUS_CONFLICT = 17,
  /** Not logged in, or not allowed. */
  OCIIMG_STATUS_DENIED = 18,
  /** The network or a server failed, after retries: it may work later. */
  OCIIMG_STATUS_UNAVAILABLE = 19
};

/**
 * Why a call failed. Immutable; several threads may read one at once. Freed with
 * ociimg_error_free.
 */
typedef struct ociimg_error ociimg_error;

/**
 * The name of a status without its prefix, "DIGEST_MISMATCH" for
 * OCIIMG_STATUS_DIGEST_MISMATCH; "UNKNOWN" for any other number. Static text, never NULL.
 * Any thread.
 */
const char *ociimg_status_name(ociimg_status status);

/**
 * Makes an error of the program's own, for companion libraries and bindings: it has this
 * status, callback_code and message. status is kept as it is, also where this version does
 * not know it; NULL for OCIIMG_STATUS_OK. message is copied and may be NULL; bytes that
 * are not UTF-8 are replaced, unprintable characters are escaped. The caller frees the
 * error with ociimg_error_free. Any thread.
 */
ociimg_error *ociimg_error_new(ociimg_status status, int64_t callback_code,
                               const char *message);

/** The status that the call returned; OCIIMG_STATUS_OK for NULL. */
OCIIMG_MUST_USE
ociimg_status ociimg_error_status(const ociimg_error *err);

/**
 * Returns the message: one line of UTF-8 that names the value found and the value expected,
 * without control characters (text of documents and callbacks is escaped). Lives as long as
 * the error. Never NULL: "" for a NULL error.
 */
const char *ociimg_error_message(const ociimg_error *err);

/**
 * The digest of the content concerned, "sha256:..."; NULL where there is none. Lives as
 * long as the error.
 */
const char *ociimg_error_digest(const ociimg_error *err);

/** The callback_code passed to ociimg_call_fail, else 0. */
int64_t ociimg_error_callback_code(const ociimg_error *err);

/**
 * The operating system's error number (ENOENT, ENOSPC, ...) that caused an
 * OCIIMG_STATUS_IO or OCIIMG_STATUS_NOT_FOUND; 0 for other errors, and for NULL.
 */
int32_t ociimg_error_errno(const ociimg_error *err);

/** Frees an error; NULL does nothing. Any thread. */
void ociimg_error_free(ociimg_error *err);

/** @} */

/* ---- Contexts -------------------------------------------------------------------------- */

/**
 * @defgroup context Contexts
 * Cancellation, and a pointer carried to the callbacks.
 * @{
 */

/**
 * Cancellation, and a user pointer for callbacks. Any number of threads may use one
 * context, and any number of calls run under it. Freed with ociimg_context_free.
 *
 * Cancellation is checked before every callback and before every chunk of a reader; calls
 * and readers under a cancelled context end with OCIIMG_STATUS_CANCELLED, permanently.
 */
typedef struct ociimg_context ociimg_context;

/**
 * Makes a context. user_data is never dereferenced and may be NULL; callbacks get it from
 * ociimg_call_user_data. destroy may be NULL; it is called once with user_data, when the
 * context, its clones and everything opened with it are gone, on the thread where that
 * happens. The caller owns the context and frees it with ociimg_context_free.
 */
ociimg_context *ociimg_context_new(void *user_data, void (*destroy)(void *user_data));

/**
 * Returns another handle for the same context, for the code that cancels; it is freed
 * separately with ociimg_context_free. NULL for NULL. Any thread.
 */
ociimg_context *ociimg_context_clone(const ociimg_context *ctx);

/**
 * Cancels everything under the context, permanently. Any thread, signal handlers too. A
 * second call and NULL do nothing.
 */
void ociimg_context_cancel(const ociimg_context *ctx);

/** Whether the context was cancelled; false for NULL. Any thread, signal handlers too. */
ociimg_bool ociimg_context_is_cancelled(const ociimg_context *ctx);

/**
 * Frees this handle of a context; NULL does nothing. Calls and readers under it continue.
 * Any thread.
 */
void ociimg_context_free(ociimg_context *ctx);

/** @} */

/* ---- Calls of callbacks ---------------------------------------------------------------- */

/**
 * @defgroup callback Calls of callbacks
 * What a callback may do with the call that it serves.
 * @{
 */

/**
 * The call that a callback serves. It is valid until the callback returns, on the thread
 * that runs it; the program never frees it.
 */
typedef struct ociimg_call ociimg_call;

/**
 * Records the failure of the callback, and returns `status` (OCIIMG_STATUS_CALLBACK for
 * 0), so that a callback can end with
 *
 *     return ociimg_call_fail(call, OCIIMG_STATUS_NOT_FOUND, 404, "no such blob");
 *
 * The last record counts; all are ignored if the callback then returns OCIIMG_STATUS_OK.
 * The returned status decides: OCIIMG_STATUS_NOT_FOUND, OCIIMG_STATUS_CANCELLED,
 * OCIIMG_STATUS_DENIED and OCIIMG_STATUS_UNAVAILABLE keep their meaning; from callbacks of
 * a sink OCIIMG_STATUS_INVALID_ARGUMENT, OCIIMG_STATUS_LIMIT_EXCEEDED,
 * OCIIMG_STATUS_EXISTS, OCIIMG_STATUS_RESTART and OCIIMG_STATUS_CONFLICT do too. Anything
 * else reaches the caller as OCIIMG_STATUS_CALLBACK. callback_code is then what
 * ociimg_error_callback_code returns, and message part of ociimg_error_message. message is
 * copied and may be NULL; bytes that are not UTF-8 are replaced, characters that are not
 * printable are escaped. A NULL call records nothing.
 */
int32_t ociimg_call_fail(ociimg_call *call, int32_t status, int64_t callback_code,
                         const char *message);

/**
 * Whether the call was cancelled, for callbacks that wait for something; false for NULL.
 */
ociimg_bool ociimg_call_is_cancelled(const ociimg_call *call);

/** The user_data of the context that the call runs under; NULL without one. */
void *ociimg_call_user_data(const ociimg_call *call);

/** @} */

/* ---- Loaders --------------------------------------------------------------------------- */

/**
 * @defgroup loader Loaders
 * Where images come from: callbacks of the program, or a built-in source.
 * @{
 */

/** Flags of ociimg_source_options. */
enum ociimg_source_flag_values OCIIMG_INT32_ENUM {
  /**
   * Links of a layout may lead out of its folder, as build systems make them. What they
   * lead to must still be a regular file, and is verified like all content.
   */
  OCIIMG_SOURCE_FOLLOW_LINKS = 1
};

/**
 * Where images come from: a program's table of callbacks, or a built-in source. Immutable;
 * several threads may load from one at once. Freed with ociimg_loader_free, at any time:
 * loaded indexes keep what they need.
 */
typedef struct ociimg_loader ociimg_loader;

/**
 * The callbacks of a loader: where index, manifests and blobs come from.
 *
 * Each returns OCIIMG_STATUS_OK or another number, preferably through ociimg_call_fail.
 * They run on the thread that called the library, and concurrently if the program uses
 * handles on several threads; one stream is used by one thread at a time, not always the
 * one that opened it. No lock is held meanwhile: a callback may call the library and free
 * handles. Nothing may unwind or longjmp out of one: a C++ exception ends the program.
 *
 * state and streams are never dereferenced, so they may be integers. digest, buf and call
 * are valid until the callback returns. A successful open is followed by exactly one
 * close, whatever happens between; a failed one by none. Outputs are checked: a success
 * that leaves *stream or *n unchanged, or a number above cap, is
 * OCIIMG_STATUS_CALLBACK_CONTRACT.
 *
 * A callback in a language with exceptions must catch them and return a failure: otherwise
 * that language's bindings decide the returned value.
 */
typedef struct ociimg_loader_vtable {
  /** sizeof(ociimg_loader_vtable). */
  size_t struct_size;
  /**
   * Optional. Writes the digest of the root manifest into buf (NUL-terminated; cap is at
   * least 256 bytes, zeroed), or leaves buf unchanged if it is unknown. A root that has
   * another digest is OCIIMG_STATUS_DIGEST_MISMATCH. Not called if ociimg_load_options
   * has the digest of the root.
   */
  int32_t (*root_digest)(void *state, char *buf, size_t cap, ociimg_call *call);
  /**
   * Required. Opens the index or manifest to start from; *stream is not NULL on
   * success.
   */
  int32_t (*open_root_manifest)(void *state, void **stream, ociimg_call *call);
  /**
   * Required. Opens the manifest or index with this digest; OCIIMG_STATUS_NOT_FOUND
   * where there is none.
   */
  int32_t (*open_manifest)(void *state, const char *digest, void **stream,
                           ociimg_call *call);
  /**
   * Required. Opens the blob (config, layer) with this digest; OCIIMG_STATUS_NOT_FOUND
   * where there is none.
   */
  int32_t (*open_blob)(void *state, const char *digest, void **stream, ociimg_call *call);
  /**
   * Required. Writes up to cap (more than 0) bytes into buf, and their number into *n; 0
   * is the end. Fewer than cap bytes are not the end.
   */
  int32_t (*read)(void *state, void *stream, uint8_t *buf, size_t cap, size_t *n,
                  ociimg_call *call);
  /** Required. Closes a stream. */
  void (*close)(void *state, void *stream);
  /**
   * Optional. Called once, when the last handle that could use the loader is gone: the
   * loader itself, an index, image, layer or reader. The other functions must stay
   * callable until it returns.
   */
  void (*destroy)(void *state);
} ociimg_loader_vtable;

/** Options of the built-in sources. A field that is 0 or NULL has its default. */
typedef struct ociimg_source_options {
  /** sizeof(ociimg_source_options). */
  size_t struct_size;
  /**
   * Only images of this name: in a layout or OCI archive the entries of index.json whose
   * annotation org.opencontainers.image.ref.name is this text, or whose annotation
   * io.containerd.image.name is the same name by Docker's rules; in a docker-save
   * archive, and in one of both kinds, the images with this tag ("busybox", "busybox:1",
   * "docker.io/library/busybox:1"). If there is none, opening fails with
   * OCIIMG_STATUS_NOT_FOUND. Default: everything.
   */
  const char *ref_name;
  /**
   * The most bytes that a compressed archive file may unpack to; more is
   * OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
   */
  uint64_t max_unpacked_size;
  /**
   * The most bytes of index.json, manifest.json or a config that is read while opening;
   * more is OCIIMG_STATUS_LIMIT_EXCEEDED. Default: 4 MiB.
   */
  uint64_t max_document_size;
  /** OCIIMG_SOURCE_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t flags;
  /** 0; anything else is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t reserved;
} ociimg_source_options;

/**
 * The media type of indexes at a place of the list of supported ones, OCI's first; NULL
 * beyond its end. For the Accept header of a request, with those of
 * ociimg_supported_manifest_media_type_at. Static text. Any thread.
 */
const char *ociimg_supported_index_media_type_at(size_t i);

/**
 * The media type of manifests at a place of the list of supported ones, OCI's first; NULL
 * beyond its end. Static text. Any thread.
 */
const char *ociimg_supported_manifest_media_type_at(size_t i);

/**
 * Makes a loader from the program's own callbacks. The table is copied; state is passed to
 * each callback and owned by the loader on success only: destroy is then called with it
 * once, when the last handle that could use the loader is gone. Runs no callback. The
 * caller frees *out with ociimg_loader_free.
 *
 * Fails with the statuses of options; those of arguments also for a required callback that
 * is missing.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_loader_new(const ociimg_loader_vtable *vtable, void *state,
                                ociimg_loader **out, ociimg_error **err);

/**
 * Frees this handle of a loader; NULL does nothing. Indexes, images, layers and readers
 * made from it stay usable. Any thread, callbacks too.
 */
void ociimg_loader_free(ociimg_loader *loader);

/**
 * Opens a path: a folder is an OCI image layout, a file an OCI archive (.tar) or what
 * docker save writes, both also compressed with gzip, zstd, bzip2 or xz. The content
 * decides, not the name: see ociimg_loader_open_layout and ociimg_loader_open_archive,
 * each of which opens nothing else. path is bytes, in the file system's own encoding; opts
 * and ctx may be NULL. The caller frees *out with ociimg_loader_free. Any thread; runs no
 * callbacks. Cancelling ctx ends the call with OCIIMG_STATUS_CANCELLED; the loader does
 * not depend on it.
 *
 * Fails as these two do, except that a folder without oci-layout is
 * OCIIMG_STATUS_UNSUPPORTED.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_loader_open(const char *path, const ociimg_source_options *opts,
                                 const ociimg_context *ctx, ociimg_loader **out,
                                 ociimg_error **err);

/**
 * Opens an OCI image layout: a folder with oci-layout (of version 1.0.0), index.json and
 * blobs. Links in it are followed only if they stay below it, unless opts has
 * OCIIMG_SOURCE_FOLLOW_LINKS. Content that is no regular file is OCIIMG_STATUS_MALFORMED
 * when it is read. path is bytes; opts and ctx may be NULL. The caller frees *out with
 * ociimg_loader_free. Any thread; runs no callbacks. Cancelling ctx ends the call with
 * OCIIMG_STATUS_CANCELLED.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
 * struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, no
 * oci-layout in it, or nothing named ref_name: the message names what there is),
 * OCIIMG_STATUS_UNSUPPORTED (another layout version, an option or flag that this version
 * does not know), OCIIMG_STATUS_MALFORMED (a file in the place of the folder, too),
 * OCIIMG_STATUS_LIMIT_EXCEEDED (max_document_size, for oci-layout and, with a ref_name,
 * index.json), OCIIMG_STATUS_SIZE_MISMATCH (a file that changes while it is read),
 * OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO (ociimg_error_errno gives the system's
 * number).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_loader_open_layout(const char *path, const ociimg_source_options *opts,
                                        const ociimg_context *ctx, ociimg_loader **out,
                                        ociimg_error **err);

/**
 * Opens an archive file: an OCI archive, or what docker save writes, plain or compressed
 * with gzip, zstd, bzip2 or xz. A plain one is read in place; a compressed one is unpacked
 * once into an unnamed temporary file in the folder that TMPDIR names, else /tmp. Sparse
 * entries are read with their holes as zeros.
 *
 * Of several entries of one name the last counts, as for tar. A second oci-layout,
 * index.json or manifest.json (by whatever spelling of its path, or below a link) is
 * OCIIMG_STATUS_MALFORMED: readers differ on which counts. The archive ends at its first
 * block of zeros. One without is OCIIMG_STATUS_MALFORMED, unless it ends exactly after an
 * entry and its index.json has entries, or nothing that its manifest.json names is
 * missing.
 *
 * In an archive of both kinds index.json counts first; images of manifest.json follow
 * that are complete and not in index.json. An image of manifest.json whose files are
 * missing or wrong becomes a broken entry when the loader is loaded. Compressed layers of
 * docker-save are hashed here, since nothing names their digest.
 *
 * path is bytes; opts and ctx may be NULL. The caller frees *out with ociimg_loader_free.
 * Any thread; runs no callbacks. Cancelling ctx ends the call, also while it unpacks or
 * hashes, with OCIIMG_STATUS_CANCELLED.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a ref_name that is not UTF-8, a
 * struct_size that can't be right), OCIIMG_STATUS_NOT_FOUND (nothing at the path, nothing
 * named ref_name: the message names what there is), OCIIMG_STATUS_UNSUPPORTED (no such
 * archive, another layout version, an option or flag that this version does not know),
 * OCIIMG_STATUS_MALFORMED (the archive, its compression, a document in it that must be
 * read now; a folder in the place of the file), OCIIMG_STATUS_LIMIT_EXCEEDED
 * (max_unpacked_size, max_document_size; and 2^21 headers, 256 MiB of names, 1 MiB of an
 * extended header, 16384 images, tags and layers in manifest.json, 16384 descriptors below
 * an index.json beside it, 128 MiB of a zstd window or xz dictionary),
 * OCIIMG_STATUS_SIZE_MISMATCH (a file that changes while it is read),
 * OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO (ociimg_error_errno gives the system's
 * number).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_loader_open_archive(const char *path,
                                         const ociimg_source_options *opts,
                                         const ociimg_context *ctx, ociimg_loader **out,
                                         ociimg_error **err);

/** @} */

/* ---- References ------------------------------------------------------------------------ */

/**
 * @defgroup reference References
 * Names of images by their parts, by Docker's rules.
 * @{
 */

/**
 * The name of an image by its parts. Immutable; several threads may read one at once.
 * Freed with ociimg_reference_free.
 */
typedef struct ociimg_reference ociimg_reference;

/**
 * Parses the name of an image by Docker's rules: "busybox" is
 * "docker.io/library/busybox", "index.docker.io" another name of "docker.io"; a first part
 * with a dot, a port or capitals, "localhost" and an IPv6 address in brackets
 * ("[::1]:5000/a") are registries; a tag and a digest may both be there. No tag is added.
 * text is copied. The caller frees *out with ociimg_reference_free. Any thread; runs no
 * callbacks.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT for an invalid name (also NULL, "", text that is
 * not UTF-8, 64 hexadecimal digits, which are the ID of an image, and a digest of another
 * algorithm than sha256, sha512 and blake3); the message names the part that is wrong.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_reference_parse(const char *text, ociimg_reference **out,
                                     ociimg_error **err);

/**
 * Its registry: host, and port if it has one. NULL where the first part of the name cannot
 * be a host ("my_host.local/a"), so that Docker treats all of it as the repository. Lives
 * as long as the reference.
 */
const char *ociimg_reference_registry(const ociimg_reference *reference);

/** Its repository: "library/busybox" for "busybox". Lives as long as the reference. */
const char *ociimg_reference_repository(const ociimg_reference *reference);

/** Its tag, or NULL where it has none. Lives as long as the reference. */
const char *ociimg_reference_tag(const ociimg_reference *reference);

/** Its digest, or NULL where it has none. Lives as long as the reference. */
const char *ociimg_reference_digest(const ociimg_reference *reference);

/**
 * The full name, which parses as the same reference:
 * "docker.io/library/busybox:1@sha256:...". Lives as long as the reference.
 */
const char *ociimg_reference_format(const ociimg_reference *reference);

/**
 * The short form, without "docker.io/" and "library/" if it parses as the same reference:
 * "busybox:1". Lives as long as the reference.
 */
const char *ociimg_reference_familiar(const ociimg_reference *reference);

/** Frees a reference; NULL does nothing. */
void ociimg_reference_free(ociimg_reference *reference);

/** @} */

/* ---- Platforms ------------------------------------------------------------------------- */

/**
 * @defgroup platform Platforms
 * Operating systems and processors, by the rules of containerd/platforms v1.0.0-rc.4.
 * @{
 */

/**
 * An operating system and processor. Immutable; several threads may read one at once.
 * Freed with ociimg_platform_free.
 *
 * The rules for platforms are those of containerd/platforms v1.0.0-rc.4.
 */
typedef struct ociimg_platform ociimg_platform;

/**
 * Parses "os", "arch", "os/arch" or "os/arch/variant", where os may be
 * "os(version+feature+...)": "linux/arm64/v8", "windows(10.0.17763)/amd64". host is
 * the machine whose fields complete the specifier ("arm64" alone has the host's os); NULL
 * is this machine. The caller frees *out with ociimg_platform_free. Any thread; runs no
 * callbacks.
 *
 * Fails with the statuses of arguments, also for an invalid specifier; the message names the
 * invalid part and what is allowed there.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_platform_parse(const char *specifier, const ociimg_platform *host,
                                    ociimg_platform **out, ociimg_error **err);

/**
 * Makes a platform from these texts, each unchanged; every one may be NULL or "" for
 * absent, os_features may be NULL if os_feature_count is 0, its items may be "". The texts
 * are copied. The caller frees *out with ociimg_platform_free. Any thread; runs no callbacks.
 *
 * Fails with the statuses of arguments.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_platform_new(const char *os, const char *architecture,
                                  const char *variant, const char *os_version,
                                  const char *const *os_features, size_t os_feature_count,
                                  ociimg_platform **out, ociimg_error **err);

/**
 * The platform of this machine, with its processor's variant. The caller frees it with
 * ociimg_platform_free.
 */
ociimg_platform *ociimg_platform_host(void);

/**
 * Returns the normal form of a platform, in which platforms are compared: "x86_64" is
 * "amd64", "macos" is "darwin", "arm" is "arm" "v7"; an absent os is this machine's. NULL
 * for NULL. The caller frees it with ociimg_platform_free.
 */
ociimg_platform *ociimg_platform_normalize(const ociimg_platform *platform);

/**
 * The operating system ("linux"), as written; NULL where it is absent. Lives as long as
 * the platform.
 */
const char *ociimg_platform_os(const ociimg_platform *platform);

/**
 * The processor architecture ("amd64"), as written; NULL where it is absent. Lives as
 * long as the platform.
 */
const char *ociimg_platform_architecture(const ociimg_platform *platform);

/**
 * The processor's variant ("v8"), as written; NULL where it is absent. Lives as long as
 * the platform.
 */
const char *ociimg_platform_variant(const ociimg_platform *platform);

/**
 * The version of the operating system ("10.0.17763.1397"), as written; NULL where it is
 * absent. Lives as long as the platform.
 */
const char *ociimg_platform_os_version(const ociimg_platform *platform);

/** The number of features of the operating system; 0 for NULL. */
size_t ociimg_platform_os_feature_count(const ociimg_platform *platform);

/**
 * The feature at a place of the list ("win32k"), which may be ""; NULL beyond its end.
 * Lives as long as the platform.
 */
const char *ociimg_platform_os_feature_at(const ociimg_platform *platform, size_t i);

/**
 * "os/architecture/variant", without absent parts; an absent os is "unknown". NULL for
 * NULL. Lives as long as the platform.
 */
const char *ociimg_platform_format(const ociimg_platform *platform);

/**
 * "os(version+feature+...)/architecture/variant", without absent parts, the features
 * sorted; an absent os is "unknown". NULL for NULL. Lives as long as the platform.
 */
const char *ociimg_platform_format_all(const ociimg_platform *platform);

/** Frees a platform; NULL does nothing. Any thread. */
void ociimg_platform_free(ociimg_platform *platform);

/** @} */

/* ---- Matchers -------------------------------------------------------------------------- */

/**
 * @defgroup matcher Matchers
 * Which platforms match, and which of two is better.
 * @{
 */

/**
 * Decides which platforms match, and which of two is better. Immutable; several threads
 * may use one at once. Freed with ociimg_matcher_free.
 *
 * The rules are those of containerd/platforms v1.0.0-rc.4, each constructor being its
 * function of the same name.
 */
typedef struct ociimg_matcher ociimg_matcher;

/**
 * Matches the platforms that a machine of this platform can run, the nearest first: for
 * arm64 v8 also arm v8, v7, v6 and v5, for amd64 v3 also v2, v1 and 386. NULL for NULL.
 * The caller frees it with ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_only(const ociimg_platform *platform);

/**
 * Matches only this platform, without older variants. NULL for NULL. The caller frees it
 * with ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_only_strict(const ociimg_platform *platform);

/**
 * Matches every platform with the same operating system, this one first. NULL for NULL.
 * The caller frees it with ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_only_os(const ociimg_platform *platform);

/**
 * Matches each of these platforms, earlier ones preferred. platforms may be NULL if count
 * is 0: that matches nothing. NULL if a platform is NULL. The caller frees it with
 * ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_ordered(ociimg_platform *const *platforms, size_t count);

/**
 * Matches each of these platforms, without preference. platforms may be NULL if count is
 * 0: that matches nothing. NULL if a platform is NULL. The caller frees it with
 * ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_any(ociimg_platform *const *platforms, size_t count);

/**
 * Matches every platform, without preference. The caller frees it with
 * ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_all(void);

/**
 * Matches the platforms that a machine of platform `host` runs by default; NULL is this
 * machine. On Linux that is ociimg_matcher_only; Darwin and FreeBSD fall back to Linux,
 * Windows has a rule for its versions. The caller frees it with ociimg_matcher_free.
 */
ociimg_matcher *ociimg_matcher_default(const ociimg_platform *host);

/** Whether a platform matches; false for NULL. Any thread. */
ociimg_bool ociimg_matcher_match(const ociimg_matcher *matcher,
                                 const ociimg_platform *platform);

/**
 * Whether platform a is better than b; false for NULL. A matching platform is better than
 * any other. Any thread.
 */
ociimg_bool ociimg_matcher_less(const ociimg_matcher *matcher, const ociimg_platform *a,
                                const ociimg_platform *b);

/** Frees a matcher; NULL does nothing. Any thread. */
void ociimg_matcher_free(ociimg_matcher *matcher);

/** @} */

/* ---- Descriptors ----------------------------------------------------------------------- */

/**
 * @defgroup descriptor Descriptors
 * Media type, digest and size of a piece of content.
 * @{
 */

/**
 * Names a piece of content: media type, digest and size, and further properties that a
 * document gives it. Immutable; several threads may read one at once. Freed with
 * ociimg_descriptor_free.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
typedef struct ociimg_descriptor ociimg_descriptor;

/**
 * The media type as written in the document; NULL for NULL. Lives as long as the
 * descriptor.
 */
const char *ociimg_descriptor_media_type(const ociimg_descriptor *descriptor);

/** The digest, "sha256:..."; NULL for NULL. Lives as long as the descriptor. */
const char *ociimg_descriptor_digest(const ociimg_descriptor *descriptor);

/** The size of the content in bytes, at most 2^63 - 1; 0 for NULL. */
uint64_t ociimg_descriptor_size(const ociimg_descriptor *descriptor);

/** The artifact type; NULL where there is none. Lives as long as the descriptor. */
const char *ociimg_descriptor_artifact_type(const ociimg_descriptor *descriptor);

/**
 * The platform as written in the descriptor; NULL where there is none. The caller frees
 * it with ociimg_platform_free.
 */
ociimg_platform *ociimg_descriptor_platform(const ociimg_descriptor *descriptor);

/** The number of URLs of the descriptor; 0 for NULL. The library never follows them. */
size_t ociimg_descriptor_url_count(const ociimg_descriptor *descriptor);

/** The URL at a place of the list; NULL beyond its end. Lives as long as the descriptor. */
const char *ociimg_descriptor_url_at(const ociimg_descriptor *descriptor, size_t i);

/** The number of annotations of the descriptor; 0 for NULL. */
size_t ociimg_descriptor_annotation_count(const ociimg_descriptor *descriptor);

/**
 * Returns true and sets key and value for the annotation at a place, in the order of the
 * document; either pointer may be NULL. Beyond the end it returns false and sets both to
 * NULL. The texts live as long as the descriptor.
 */
ociimg_bool ociimg_descriptor_annotation_at(const ociimg_descriptor *descriptor, size_t i,
                                            const char **key, const char **value);

/**
 * The annotation of this key; NULL where there is none. Lives as long as the descriptor.
 */
const char *ociimg_descriptor_annotation(const ociimg_descriptor *descriptor,
                                         const char *key);

/**
 * The content itself if the document embeds it, decoded, and its length in bytes; len may
 * be NULL. It was verified, unless the entry is BROKEN because of it, or the digest's
 * algorithm cannot be checked. NULL and 0 where there is none; empty content is a pointer
 * and 0. Lives as long as the descriptor.
 */
const uint8_t *ociimg_descriptor_data(const ociimg_descriptor *descriptor, size_t *len);

/**
 * Makes a descriptor, for ociimg_index_open_blob. The texts are copied; size is in bytes.
 * The caller frees *out with ociimg_descriptor_free. Any thread; runs no callbacks.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT: NULL or "", a digest that is not
 * algorithm:encoded, a size above 2^63 - 1.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_descriptor_new(const char *media_type, const char *digest,
                                    uint64_t size, ociimg_descriptor **out,
                                    ociimg_error **err);

/** Frees a descriptor; NULL does nothing. Any thread. */
void ociimg_descriptor_free(ociimg_descriptor *descriptor);

/** @} */

/* ---- Indexes --------------------------------------------------------------------------- */

/**
 * @defgroup index Indexes
 * All that is below a root: loading, listing, selecting.
 * @{
 */

/**
 * The kind of an entry of an index: one of the OCIIMG_ENTRY_KIND_ constants. More may be
 * added: take an unknown number as OCIIMG_ENTRY_KIND_UNKNOWN.
 */
typedef int32_t ociimg_entry_kind;

/** The values of ociimg_entry_kind. */
enum ociimg_entry_kind_values OCIIMG_INT32_ENUM {
  /** No entry: beyond the end, or index NULL. */
  OCIIMG_ENTRY_KIND_NONE = 0,
  /** An image. */
  OCIIMG_ENTRY_KIND_IMAGE = 1,
  /** A manifest about another, as BuildKit writes them. */
  OCIIMG_ENTRY_KIND_ATTESTATION = 2,
  /** A manifest whose config is no image config. */
  OCIIMG_ENTRY_KIND_ARTIFACT = 3,
  /** A media type that is neither manifest nor index. */
  OCIIMG_ENTRY_KIND_UNKNOWN = 4,
  /** Could not be read or understood: see ociimg_index_entry_error. */
  OCIIMG_ENTRY_KIND_BROKEN = 5
};

/**
 * The entries below a root, images and others: those of nested indexes in document order,
 * or those that were selected. Immutable; any number of threads may use one at once. Freed
 * with ociimg_index_free; images and other handles made from it stay usable.
 */
typedef struct ociimg_index ociimg_index;

/**
 * Limits of a load, and the digest of its root. A field that is 0 or NULL has its default.
 */
typedef struct ociimg_load_options {
  /** sizeof(ociimg_load_options). */
  size_t struct_size;
  /** Bytes of one index, manifest or config. Default: 4 MiB. */
  uint64_t max_document_size;
  /**
   * Bytes of all documents of one load, and of those that the index keeps. Default: 32 MiB.
   */
  uint64_t max_total_size;
  /** Nested indexes below the root; a deeper one is a BROKEN entry. Default: 8. */
  uint32_t max_index_depth;
  /**
   * Descriptors visited in the whole tree, indexes too, each as often as it is named.
   * Default: 16384.
   */
  uint32_t max_entries;
  /**
   * The digest that the root must have, whatever the loader returns. Default: the digest
   * from the loader's root_digest, if it returns one.
   */
  const char *root_digest;
} ociimg_load_options;

/**
 * Loads the root and all indexes below it. Manifests are read only if the index does not
 * have their platform. A single manifest is an index of one entry. opts and ctx may be
 * NULL. The caller frees *out with ociimg_index_free.
 *
 * A fault of the root, a failing callback, cancelling and max_entries fail the load;
 * content below the root that is missing, wrong, too large or unsupported makes its entry
 * OCIIMG_ENTRY_KIND_BROKEN and does not affect the rest. Runs callbacks of the loader.
 *
 * Fails with the statuses of options, also for an invalid root_digest, and with those
 * of a source: OCIIMG_STATUS_NOT_FOUND where it has no root, OCIIMG_STATUS_UNSUPPORTED for
 * Docker schema 1 and a root digest of unknown algorithm, OCIIMG_STATUS_MALFORMED for the
 * root and for the digest that the loader has for it, OCIIMG_STATUS_SIZE_MISMATCH for an
 * index.json that changes while it is read, OCIIMG_STATUS_LIMIT_EXCEEDED for max_entries,
 * and for max_document_size and max_total_size where the root exceeds them.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_load(const ociimg_loader *loader,
                                const ociimg_load_options *opts, const ociimg_context *ctx,
                                ociimg_index **out, ociimg_error **err);

/** The number of entries of the index; 0 for NULL. */
size_t ociimg_index_entry_count(const ociimg_index *index);

/**
 * The images that a machine of this platform can run, best first, by
 * ociimg_matcher_only(platform); ties keep the order of the document. Entries that are no
 * images or have no platform are skipped; no match is success with 0 entries. The new
 * index has the root of the old one, and shares its loaded documents. Runs no callback.
 * The caller frees *out with ociimg_index_free.
 *
 * Fails with the statuses of arguments.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_select(const ociimg_index *index,
                                  const ociimg_platform *platform, ociimg_index **out,
                                  ociimg_error **err);

/**
 * As ociimg_index_select, by a matcher of the caller's choice.
 *
 * Fails with the statuses of arguments.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_select_with(const ociimg_index *index,
                                       const ociimg_matcher *matcher, ociimg_index **out,
                                       ociimg_error **err);

/**
 * The digest of the root as it was read: sha256, or of the algorithm of the digest that
 * was known or required. NULL for NULL. Lives as long as the index.
 */
const char *ociimg_index_root_digest(const ociimg_index *index);

/**
 * Whether the root was checked against a digest from the loader or the caller. Otherwise only
 * the source vouches for it.
 */
ociimg_bool ociimg_index_root_is_verified(const ociimg_index *index);

/**
 * The bytes of the root as they were read, and their number; len may be NULL. Not
 * NUL-terminated. NULL and 0 for NULL. Live as long as the index.
 */
const uint8_t *ociimg_index_root_json(const ociimg_index *index, size_t *len);

/** Frees an index; NULL does nothing. Any thread, callbacks too. */
void ociimg_index_free(ociimg_index *index);

/**
 * Returns the kind of the entry; it never changes. OCIIMG_ENTRY_KIND_NONE beyond the end.
 */
ociimg_entry_kind ociimg_index_entry_kind(const ociimg_index *index, size_t i);

/**
 * The platform that the entry is for: as written in its descriptor, else its config's;
 * NULL where it has none. The caller frees it with ociimg_platform_free.
 */
ociimg_platform *ociimg_index_entry_platform(const ociimg_index *index, size_t i);

/**
 * The entry's descriptor; that of a single manifest is made from its bytes. NULL beyond
 * the end, and for a BROKEN entry whose descriptor could not be read. The caller frees it
 * with ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_index_entry_descriptor(const ociimg_index *index, size_t i);

/**
 * Why the entry is BROKEN: OCIIMG_STATUS_NOT_FOUND, OCIIMG_STATUS_UNSUPPORTED,
 * OCIIMG_STATUS_MALFORMED, OCIIMG_STATUS_DIGEST_MISMATCH, OCIIMG_STATUS_SIZE_MISMATCH or
 * OCIIMG_STATUS_LIMIT_EXCEEDED. NULL for any other entry. The caller frees it with
 * ociimg_error_free.
 */
ociimg_error *ociimg_index_entry_error(const ociimg_index *index, size_t i);

/**
 * Returns the name under which the root offers the entry, or the index that it is nested
 * in: of a docker-save archive the tag as written, else the annotation
 * io.containerd.image.name of the root's descriptor, else its annotation
 * org.opencontainers.image.ref.name. NULL where it has none, and beyond the end. Lives as
 * long as the index.
 */
const char *ociimg_index_entry_name(const ociimg_index *index, size_t i);

/**
 * Returns the name of an entry kind, "IMAGE"; "UNKNOWN" for a number that has none.
 * Static text.
 */
const char *ociimg_entry_kind_name(ociimg_entry_kind kind);

/** @} */

/* ---- Images ---------------------------------------------------------------------------- */

/**
 * @defgroup image Images
 * A manifest, its config and its layers.
 * @{
 */

/**
 * An image: a manifest, its config and its layers. Several threads may read one at once; a
 * function that changes it needs exclusive use. Owned by the caller and freed with
 * ociimg_image_free. Layers, configs and clones made from it do not change when it is
 * changed or freed.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 */
typedef struct ociimg_image ociimg_image;

/**
 * The image at a place of the list: its manifest and config are loaded and verified, or
 * taken from documents loaded before (then the loader is not called). Several threads may
 * use one index at once. ctx may be NULL. May run callbacks of the loader. The caller
 * frees *out with ociimg_image_free.
 *
 * Fails with the statuses of arguments and of a source (OCIIMG_STATUS_LIMIT_EXCEEDED for
 * max_document_size of the load), with OCIIMG_STATUS_NOT_AN_IMAGE, also if only the
 * manifest shows it, and with the error of a BROKEN entry. A failure is not kept: the next
 * call tries again.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_image(const ociimg_index *index, size_t i,
                                 const ociimg_context *ctx, ociimg_image **out,
                                 ociimg_error **err);

/**
 * Loads the image that a machine of this platform runs: the first by
 * ociimg_matcher_default(platform) that is really an image. platform NULL is this machine.
 * A root that is a single manifest without platform is that image. Entries whose platform
 * is in the root itself come before all others. ctx may be NULL. May run callbacks; several
 * threads may ask one index at once. The caller frees *out with ociimg_image_free.
 *
 * Fails with OCIIMG_STATUS_NOT_FOUND (none fits; the message names the platforms that there
 * are), OCIIMG_STATUS_INVALID_ARGUMENT (NULL; a layout or archive offers several different
 * images that fit equally well: the message names them), the error of a BROKEN entry that
 * would have been chosen by its descriptor's platform, and as ociimg_index_image does.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_image_for(const ociimg_index *index,
                                     const ociimg_platform *platform,
                                     const ociimg_context *ctx, ociimg_image **out,
                                     ociimg_error **err);

/**
 * An independent copy: changing one leaves the other. NULL for NULL. The caller frees it
 * with ociimg_image_free.
 */
ociimg_image *ociimg_image_clone(const ociimg_image *image);

/**
 * The platform of the image: the one in its index, as written, else the config's; NULL if
 * it has none. The caller frees it with ociimg_platform_free.
 */
ociimg_platform *ociimg_image_platform(const ociimg_image *image);

/** The number of layers of the image; 0 for NULL. */
size_t ociimg_image_layer_count(const ociimg_image *image);

/** The number of annotations of the manifest; 0 for NULL. */
size_t ociimg_image_annotation_count(const ociimg_image *image);

/**
 * Returns true and sets key and value for the manifest's annotation at a place, in the
 * order of the document; either pointer may be NULL. Beyond the end it returns false and
 * sets both to NULL. The texts live as long as the image is neither freed nor changed.
 */
ociimg_bool ociimg_image_annotation_at(const ociimg_image *image, size_t i,
                                       const char **key, const char **value);

/**
 * The manifest's annotation of this key; NULL where there is none. Lives as long as the
 * image is neither freed nor changed.
 */
const char *ociimg_image_annotation(const ociimg_image *image, const char *key);

/**
 * The manifest, and its length in bytes; len may be NULL. For an unchanged image these are
 * exactly the bytes that were loaded. Not NUL-terminated. NULL and 0 for NULL. Live as
 * long as the image is neither freed nor changed.
 */
const uint8_t *ociimg_image_manifest_json(const ociimg_image *image, size_t *len);

/** The config, and its length in bytes; as ociimg_image_manifest_json. */
const uint8_t *ociimg_image_config_json(const ociimg_image *image, size_t *len);

/**
 * The digest of the manifest; NULL for NULL. Lives as long as the image is neither freed
 * nor changed.
 */
const char *ociimg_image_manifest_digest(const ociimg_image *image);

/**
 * The digest of the config; NULL for NULL. Lives as long as the image is neither freed
 * nor changed.
 */
const char *ociimg_image_config_digest(const ociimg_image *image);

/** Frees an image; NULL does nothing. Any thread. */
void ociimg_image_free(ociimg_image *image);

/** @} */

/* ---- Manifests ------------------------------------------------------------------------- */

/**
 * @defgroup manifest Manifests
 * Manifests of every kind as they are: of images, artifacts and attestations.
 * @{
 */

/**
 * Any manifest: of an image, an artifact (Helm charts, SBOMs, WebAssembly) or an
 * attestation. Immutable; several threads may read one at once. Freed with
 * ociimg_manifest_free; its texts live as long as it does.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 */
typedef struct ociimg_manifest ociimg_manifest;

/**
 * Loads the manifest of the entry at a place of the list, whatever it describes: an image,
 * an artifact or an attestation. It is verified, or taken from what was loaded before. ctx
 * may be NULL. May run callbacks; several threads may ask one index at once. The caller
 * frees *out with ociimg_manifest_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, beyond the end),
 * OCIIMG_STATUS_UNSUPPORTED (an UNKNOWN entry), the error of a BROKEN entry, and as
 * ociimg_index_image does.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_manifest(const ociimg_index *index, size_t i,
                                    const ociimg_context *ctx, ociimg_manifest **out,
                                    ociimg_error **err);

/**
 * Returns the image's manifest; NULL for NULL. The caller frees it with
 * ociimg_manifest_free.
 */
ociimg_manifest *ociimg_image_manifest(const ociimg_image *image);

/** Returns the digest of the manifest; NULL for NULL. */
const char *ociimg_manifest_digest(const ociimg_manifest *manifest);

/**
 * Returns the manifest's own media type, else that of the descriptor that led to it; NULL
 * for NULL.
 */
const char *ociimg_manifest_media_type(const ociimg_manifest *manifest);

/** Returns the manifest's own artifact type; NULL where it has none. */
const char *ociimg_manifest_artifact_type(const ociimg_manifest *manifest);

/**
 * Returns the descriptor of the config; NULL for NULL. The caller frees it with
 * ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_manifest_config(const ociimg_manifest *manifest);

/**
 * Returns the descriptor of the manifest that this one is about; NULL where there is none.
 * Nothing else in the library depends on it. The caller frees it with
 * ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_manifest_subject(const ociimg_manifest *manifest);

/** Returns the number of layers, which are any blobs in an artifact; 0 for NULL. */
size_t ociimg_manifest_layer_count(const ociimg_manifest *manifest);

/**
 * Returns the descriptor of the layer at a place; NULL beyond the end. The caller frees it
 * with ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_manifest_layer(const ociimg_manifest *manifest, size_t i);

/** Returns the number of annotations; 0 for NULL. */
size_t ociimg_manifest_annotation_count(const ociimg_manifest *manifest);

/**
 * Returns true and sets key and value for the annotation at a place, in the order of the
 * document; either pointer may be NULL. Beyond the end it returns false and sets both to
 * NULL.
 */
ociimg_bool ociimg_manifest_annotation_at(const ociimg_manifest *manifest, size_t i,
                                          const char **key, const char **value);

/** Returns the annotation of this key; NULL where there is none. */
const char *ociimg_manifest_annotation(const ociimg_manifest *manifest, const char *key);

/**
 * Returns the bytes of the manifest as they were loaded, and their number; len may be NULL.
 * Not NUL-terminated. NULL and 0 for NULL.
 */
const uint8_t *ociimg_manifest_json(const ociimg_manifest *manifest, size_t *len);

/** Frees a manifest; NULL does nothing. Any thread. */
void ociimg_manifest_free(ociimg_manifest *manifest);

/** @} */

/* ---- Image configurations -------------------------------------------------------------- */

/**
 * @defgroup config Image configurations
 * The configuration of an image, read-only.
 * @{
 */

/**
 * The image configuration, read-only. Immutable; several threads may read one at once.
 * Freed with ociimg_config_free; its texts live as long as it does. A list that is null or
 * absent in the document counts 0.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 */
typedef struct ociimg_config ociimg_config;

/** The image configuration; NULL for NULL. The caller frees it with ociimg_config_free. */
ociimg_config *ociimg_image_config(const ociimg_image *image);

/**
 * When the image was made, as written (RFC 3339 by the specification); NULL where it is absent.
 */
const char *ociimg_config_created(const ociimg_config *config);

/** Who made the image; NULL where it is absent. */
const char *ociimg_config_author(const ociimg_config *config);

/** The user that the entrypoint runs as; NULL where it is absent. */
const char *ociimg_config_user(const ociimg_config *config);

/** The folder that the entrypoint starts in; NULL where it is absent. */
const char *ociimg_config_working_dir(const ociimg_config *config);

/** The signal that ends a container; NULL where it is absent. */
const char *ociimg_config_stop_signal(const ociimg_config *config);

/** The number of environment variables; 0 for NULL. */
size_t ociimg_config_env_count(const ociimg_config *config);

/** The environment variable at a place, "NAME=value"; NULL beyond the end. */
const char *ociimg_config_env_at(const ociimg_config *config, size_t i);

/** The number of words of the entrypoint; 0 for NULL. */
size_t ociimg_config_entrypoint_count(const ociimg_config *config);

/** The word of the entrypoint at a place; NULL beyond the end. */
const char *ociimg_config_entrypoint_at(const ociimg_config *config, size_t i);

/**
 * The number of words of the command (arguments of the entrypoint, if there is one); 0 for
 * NULL.
 */
size_t ociimg_config_cmd_count(const ociimg_config *config);

/** The word of the command at a place; NULL beyond the end. */
const char *ociimg_config_cmd_at(const ociimg_config *config, size_t i);

/** The number of ports that the image exposes; 0 for NULL. */
size_t ociimg_config_exposed_port_count(const ociimg_config *config);

/** The port at a place, "80/tcp", in the order of the document; NULL beyond the end. */
const char *ociimg_config_exposed_port_at(const ociimg_config *config, size_t i);

/** The number of volumes of the image; 0 for NULL. */
size_t ociimg_config_volume_count(const ociimg_config *config);

/** The path of the volume at a place, in the order of the document; NULL beyond the end. */
const char *ociimg_config_volume_at(const ociimg_config *config, size_t i);

/** The number of labels; 0 for NULL. */
size_t ociimg_config_label_count(const ociimg_config *config);

/**
 * Returns true and sets key and value for the label at a place, in the order of the
 * document; either pointer may be NULL. Beyond the end it returns false and sets both to
 * NULL.
 */
ociimg_bool ociimg_config_label_at(const ociimg_config *config, size_t i, const char **key,
                                   const char **value);

/** The label of this key; NULL where there is none. */
const char *ociimg_config_label(const ociimg_config *config, const char *key);

/** The number of steps of the history, which need not fit the layers; 0 for NULL. */
size_t ociimg_config_history_count(const ociimg_config *config);

/** The command of the step at a place; NULL where it is absent, and beyond the end. */
const char *ociimg_config_history_created_by(const ociimg_config *config, size_t i);

/** Who made the step at a place; NULL where it is absent, and beyond the end. */
const char *ociimg_config_history_author(const ociimg_config *config, size_t i);

/**
 * When the step at a place was made, as written; NULL where it is absent, and beyond the end.
 */
const char *ociimg_config_history_created(const ociimg_config *config, size_t i);

/** The comment on the step at a place; NULL where it is absent, and beyond the end. */
const char *ociimg_config_history_comment(const ociimg_config *config, size_t i);

/** Whether the step at a place made no layer; false beyond the end. */
ociimg_bool ociimg_config_history_empty_layer(const ociimg_config *config, size_t i);

/**
 * Returns true and sets *layer to the place in the image of the layer that the step at a
 * place made. Returns false and sets it to 0 if the step made none, or if the history does
 * not fit the layers. layer may be NULL.
 */
ociimg_bool ociimg_config_history_layer(const ociimg_config *config, size_t i,
                                        size_t *layer);

/**
 * Returns the platform in the config, whatever an index has; NULL if os or architecture is
 * absent. The caller frees it with ociimg_platform_free.
 */
ociimg_platform *ociimg_config_platform(const ociimg_config *config);

/**
 * Returns the value at a JSON pointer (RFC 6901: "/config/Healthcheck"; "" is the whole
 * document) as written in the config, and its length in bytes; len may be NULL. Not
 * NUL-terminated. NULL and 0 if there is nothing, and for an invalid pointer.
 */
const uint8_t *ociimg_config_json_at(const ociimg_config *config, const char *pointer,
                                     size_t *len);

/** Frees a config; NULL does nothing. Any thread. */
void ociimg_config_free(ociimg_config *config);

/** @} */

/* ---- Layers ---------------------------------------------------------------------------- */

/**
 * @defgroup layer Layers
 * The layers of an image.
 * @{
 */

/**
 * A layer of an image. Immutable; any number of threads may use one at once. Freed
 * with ociimg_layer_free; its texts live as long as it does.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
 */
typedef struct ociimg_layer ociimg_layer;

/**
 * The layer at a place, the base first; NULL beyond the end. The caller frees it with
 * ociimg_layer_free.
 */
ociimg_layer *ociimg_image_layer(const ociimg_image *image, size_t i);

/**
 * The layer's descriptor as the manifest has it; NULL for NULL. The caller frees it with
 * ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_layer_descriptor(const ociimg_layer *layer);

/**
 * The layer's media type under its OCI name, even if the manifest has Docker's; other
 * types are unchanged. NULL for NULL.
 */
const char *ociimg_layer_oci_media_type(const ociimg_layer *layer);

/** The digest of the stored blob; NULL for NULL. */
const char *ociimg_layer_digest(const ociimg_layer *layer);

/** The size of the stored blob in bytes; 0 for NULL. */
uint64_t ociimg_layer_size(const ociimg_layer *layer);

/**
 * The diff ID: the digest of the uncompressed tar stream, as the config has it; NULL for
 * NULL.
 */
const char *ociimg_layer_diff_id(const ociimg_layer *layer);

/**
 * The chain ID: the digest that identifies this layer and all below it in its image.
 * Layers without a diff ID don't count. NULL if the layer has no diff ID itself, and for
 * NULL.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid
 */
const char *ociimg_layer_chain_id(const ociimg_layer *layer);

/** Frees a layer; NULL does nothing. Its readers continue. Any thread, callbacks too. */
void ociimg_layer_free(ociimg_layer *layer);

/** @} */

/* ---- Readers --------------------------------------------------------------------------- */

/**
 * @defgroup reader Readers
 * Content as a stream of bytes, verified while it passes.
 * @{
 */

/** The bytes that a reader returns: one of the OCIIMG_READ_MODE_ constants. */
typedef int32_t ociimg_read_mode;

/** The values of ociimg_read_mode. */
enum ociimg_read_mode_values OCIIMG_INT32_ENUM {
  /** The blob as stored; its size and digest are checked. */
  OCIIMG_READ_MODE_STORED = 0,
  /**
   * The tar stream; size, digest and diff ID are checked. Whether the blob is compressed
   * (with gzip, zstd, bzip2 or xz) is decided by its content, not by its media type.
   */
  OCIIMG_READ_MODE_UNCOMPRESSED = 1
};

/**
 * A stream of a blob's bytes, verified while they are read. For one thread at a time, not
 * always the same. Freed with ociimg_reader_free, at any time.
 */
typedef struct ociimg_reader ociimg_reader;

/** How a blob is read. A field that is 0 has its default. */
typedef struct ociimg_reader_options {
  /** sizeof(ociimg_reader_options). */
  size_t struct_size;
  /**
   * The most bytes to return in OCIIMG_READ_MODE_UNCOMPRESSED; more is
   * OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
   */
  uint64_t max_uncompressed_size;
  /**
   * The most bytes of the window of a zstd frame or the dictionary of an xz block; more
   * is OCIIMG_STATUS_LIMIT_EXCEEDED, before the memory is allocated. Default: 128 MiB.
   */
  uint64_t max_window_size;
  /**
   * Threads that the library may start for this reader, to hash in parallel with
   * decompression. It starts at most one, and only for content long enough to benefit.
   * It ends before the read that ends the reader, or ociimg_reader_free, returns.
   * Callbacks stay on the calling thread. Default: none.
   */
  uint32_t workers;
  /** 0; anything else is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t reserved;
} ociimg_reader_options;

/**
 * Opens any other content of the same source by its descriptor: layers of artifacts,
 * configs, attestations. Manifests, indexes and entries of this index come from
 * open_manifest, everything else from open_blob; embedded data and the root are used
 * without a callback. OCIIMG_READ_MODE_UNCOMPRESSED checks size and digest; there is no
 * diff ID. opts and ctx may be NULL. May run callbacks of the loader. The caller frees *out
 * with ociimg_reader_free.
 *
 * Fails as ociimg_layer_open does.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_open_blob(const ociimg_index *index,
                                     const ociimg_descriptor *descriptor,
                                     ociimg_read_mode mode,
                                     const ociimg_reader_options *opts,
                                     const ociimg_context *ctx, ociimg_reader **out,
                                     ociimg_error **err);

/**
 * Opens the layer's blob for reading. Each reader is a stream of its own. mode is one of
 * the OCIIMG_READ_MODE_ constants; opts and ctx may be NULL. The reader runs under ctx
 * until it is freed. Runs the loader's callback open_blob; any thread. The caller frees
 * *out with ociimg_reader_free.
 *
 * Fails with the statuses of options (also for an unknown mode) and of a callback, and with
 * OCIIMG_STATUS_UNSUPPORTED (a digest, or for OCIIMG_READ_MODE_UNCOMPRESSED a diff ID, of
 * an algorithm that can't be checked; OCIIMG_READ_MODE_UNCOMPRESSED of an encrypted layer,
 * by its media type), OCIIMG_STATUS_NOT_FOUND (to be expected of a nondistributable layer:
 * the message then names the URLs of its descriptor), OCIIMG_STATUS_MALFORMED (the source
 * has something other than a regular file there) or OCIIMG_STATUS_IO.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_open(const ociimg_layer *layer, ociimg_read_mode mode,
                                const ociimg_reader_options *opts,
                                const ociimg_context *ctx, ociimg_reader **out,
                                ociimg_error **err);

/**
 * Reads up to cap bytes into buf, and sets *n to their number. *n == 0 with
 * OCIIMG_STATUS_OK is the end, and means that everything was verified; bytes before it are
 * not verified yet. Fewer than cap bytes are not the end. After a failure every call fails
 * the same way; wrong content never reaches the end. Bytes beyond *n in buf are undefined.
 * Runs the loader's callbacks read and close.
 *
 * Fails with the statuses of arguments (also for cap 0) and OCIIMG_STATUS_BUSY (from inside
 * a callback that serves this reader), which both leave the reader unchanged; and with
 * those of a source: OCIIMG_STATUS_SIZE_MISMATCH before any excess byte is returned,
 * OCIIMG_STATUS_DIGEST_MISMATCH for digest or diff ID, OCIIMG_STATUS_MALFORMED for
 * compressed data, OCIIMG_STATUS_UNSUPPORTED for compressed data and for a reader with a
 * worker in a child process after fork, OCIIMG_STATUS_LIMIT_EXCEEDED for the limits of the
 * reader's options and if there is no memory for a window.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_reader_read(ociimg_reader *reader, uint8_t *buf, size_t cap, size_t *n,
                                 ociimg_error **err);

/**
 * Reads and discards the rest of the blob, and succeeds if everything was verified. For
 * programs that stop before the end: tar readers (libarchive, Python's tarfile, Go's
 * archive/tar) stop at the blocks of zeros, and so never see the failure of a layer that
 * was altered. At the end it does nothing; after a failure it fails the same way. Runs the
 * loader's callbacks on this thread, as a read does.
 *
 * Fails as ociimg_reader_read does, and with OCIIMG_STATUS_INVALID_ARGUMENT for NULL alone.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_reader_finish(ociimg_reader *reader, ociimg_error **err);

/**
 * Whether the end was reached and everything was verified; false for NULL. Any thread,
 * callbacks too.
 */
ociimg_bool ociimg_reader_is_verified(const ociimg_reader *reader);

/**
 * The number of bytes of the stored blob read so far, of the size in its descriptor: for
 * showing progress, in either mode. 0 for NULL. Any thread, callbacks too.
 */
uint64_t ociimg_reader_stored_read(const ociimg_reader *reader);

/**
 * Frees a reader and closes its stream, before the end too; NULL does nothing. Inside a
 * callback that serves this reader, the stream is closed when the call is over.
 */
void ociimg_reader_free(ociimg_reader *reader);

/** @} */

/* ---- Changing images ------------------------------------------------------------------- */

/**
 * @defgroup edit Changing images
 * Edits, which keep every byte that they do not change.
 * @{
 */

/** A family of documents: one of the OCIIMG_FORMAT_ constants. */
typedef int32_t ociimg_format;

/** The values of ociimg_format. */
enum ociimg_format_values OCIIMG_INT32_ENUM {
  /** OCI image manifests and indexes. */
  OCIIMG_FORMAT_OCI = 1,
  /** Docker's manifests (version 2, schema 2) and manifest lists. */
  OCIIMG_FORMAT_DOCKER = 2
};

/** Whether an appended layer gets a step of history. */
enum ociimg_history_values OCIIMG_INT32_ENUM {
  /**
   * If the history had as many steps that made layers as there were layers: a base
   * without history stays without.
   */
  OCIIMG_HISTORY_BY_RULE = 0,
  /** Always, also where the history does not fit the layers. */
  OCIIMG_HISTORY_ALWAYS = 1,
  /** Never. */
  OCIIMG_HISTORY_NEVER = 2
};

/**
 * How a layer is appended, and its step of history. A field that is 0, NULL or "" has its
 * default.
 */
typedef struct ociimg_append_options {
  /** sizeof(ociimg_append_options). */
  size_t struct_size;
  /**
   * When the step was made: a time of RFC 3339 ("2006-01-02T15:04:05Z"). Left out by
   * default, as the next three are.
   */
  const char *created;
  /** The command that made it. */
  const char *created_by;
  /** The person or tool that made it. */
  const char *author;
  /** A comment on it. */
  const char *comment;
  /**
   * Media type of the layer in the manifest, used unchanged; by default that of the
   * manifest's family for the layer's compression.
   */
  const char *media_type;
  /**
   * One of the OCIIMG_HISTORY_ constants; another number is OCIIMG_STATUS_INVALID_ARGUMENT.
   */
  int32_t history;
  /** 0; anything else is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t reserved;
} ociimg_append_options;

/**
 * Makes an image without layers. The platform needs os and architecture. The same arguments
 * give the same documents. Runs no callback. The caller frees *out with ociimg_image_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format, no os or architecture).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_new(ociimg_format format, const ociimg_platform *platform,
                               ociimg_image **out, ociimg_error **err);

/**
 * Puts a layer on top of an image: its descriptor with annotations and URLs goes into the
 * manifest, its diff ID into the config, and a step into the history as opts->history says.
 * The layer is read from its own source; the same layer may be appended twice. It gets the
 * media type of the image's family; on an OCI image encrypted layers and those of unknown
 * types keep theirs. opts may be NULL. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a layer without diff ID, a bad option),
 * OCIIMG_STATUS_UNSUPPORTED (a zstd, encrypted or unknown layer on a Docker image, a layer
 * whose compression has no media type, an image whose other layers lack diff IDs, an option
 * that this version does not know) or OCIIMG_STATUS_BUSY (the image is in use on another
 * thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_append_layer(ociimg_image *image, const ociimg_layer *layer,
                                        const ociimg_append_options *opts,
                                        ociimg_error **err);

/**
 * Replaces a layer with another, by the rules of ociimg_image_append_layer without
 * options. The history stays. May run callbacks: the destroy of a loader that nothing else
 * uses any more.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no layer at i, a layer without diff ID),
 * OCIIMG_STATUS_UNSUPPORTED (as ociimg_image_append_layer) or OCIIMG_STATUS_BUSY (the image is
 * in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_replace_layer(ociimg_image *image, size_t i,
                                         const ociimg_layer *layer, ociimg_error **err);

/**
 * Removes a layer, and the step of history that made it if the steps that made layers are as
 * many as the layers. May run callbacks: the destroy of a loader that nothing else uses any
 * more.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no layer at i) or OCIIMG_STATUS_BUSY (the
 * image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_remove_layer(ociimg_image *image, size_t i, ociimg_error **err);

/**
 * Adds a step to the history that made no layer. step may be NULL; its media_type and history
 * must be valid too, but have no effect. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a bad field), OCIIMG_STATUS_UNSUPPORTED (a
 * field that this version does not know) or OCIIMG_STATUS_BUSY (the image is in use on another
 * thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_add_history(ociimg_image *image,
                                       const ociimg_append_options *step,
                                       ociimg_error **err);

/**
 * Sets os, architecture, variant, os.version and os.features of the config, and removes those
 * that the platform lacks. It is then the image's platform, whatever its index has. Os and
 * architecture are required. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no os or architecture) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_platform(ociimg_image *image,
                                        const ociimg_platform *platform,
                                        ociimg_error **err);

/**
 * Gives manifest, config and layers the media types of the other family, and changes nothing
 * else. Runs no callback, and reads no layer. To OCI, layers of unknown types keep theirs.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format), OCIIMG_STATUS_UNSUPPORTED
 * (to Docker: annotations, a subject or artifact type, a zstd or encrypted layer or one of an
 * unknown type) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays
 * as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_convert(ociimg_image *image, ociimg_format format,
                                   ociimg_error **err);

/**
 * Sets the creation time of the config, a time of RFC 3339 ("2006-01-02T15:04:05Z") that Go
 * reads, too: with capitals and without a leap second. NULL or "" removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, no such time, text that is not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_created(ociimg_image *image, const char *value,
                                       ociimg_error **err);

/**
 * Sets the author in the config; NULL or "" removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_author(ociimg_image *image, const char *value,
                                      ociimg_error **err);

/**
 * Sets the user that the command runs as; NULL or "" removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_user(ociimg_image *image, const char *value,
                                    ociimg_error **err);

/**
 * Sets the directory that the command starts in; NULL or "" removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_working_dir(ociimg_image *image, const char *value,
                                           ociimg_error **err);

/**
 * Sets the signal that stops a container; NULL or "" removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, text that is not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_stop_signal(ociimg_image *image, const char *value,
                                           ociimg_error **err);

/**
 * Sets the entrypoint; NULL removes it, words with a count of 0 write an empty list. The command
 * (Cmd) stays. Words may be "". Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a word that is NULL or not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_entrypoint(ociimg_image *image, const char *const *words,
                                          size_t count, ociimg_error **err);

/**
 * Sets the command, which is the arguments of the entrypoint if there is one; NULL removes it,
 * words with a count of 0 write an empty list. The entrypoint stays. Words may be "". Runs no
 * callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a word that is NULL or not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_cmd(ociimg_image *image, const char *const *words,
                                   size_t count, ociimg_error **err);

/**
 * Sets a variable of the environment; NULL as value removes it. An existing variable keeps
 * its place; of duplicates the first gets the value and the others are removed. Runs no
 * callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a name that is NULL, "" or holds "=",
 * text that is not UTF-8) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The
 * image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_env(ociimg_image *image, const char *name, const char *value,
                                   ociimg_error **err);

/**
 * Sets a label of the config; NULL as value removes it. An existing label keeps its place, a
 * new one goes last. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a key that is NULL or "", text that is
 * not UTF-8) or OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as
 * it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_label(ociimg_image *image, const char *key,
                                     const char *value, ociimg_error **err);

/**
 * Sets an annotation of the manifest; NULL as value removes it. An existing annotation
 * keeps its place, a new one goes last. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a key that is NULL or "", text that is
 * not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker image) or OCIIMG_STATUS_BUSY (the image is in
 * use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_annotation(ociimg_image *image, const char *key,
                                          const char *value, ociimg_error **err);

/**
 * Adds a port that a container exposes ("80", "80/tcp"); removes it if present is 0. Runs no
 * callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, port is NULL, "" or not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_exposed_port(ociimg_image *image, const char *port,
                                            ociimg_bool present, ociimg_error **err);

/**
 * Adds a directory at which a container mounts a volume; removes it if present is 0. Runs no
 * callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, path is NULL, "" or not UTF-8) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_volume(ociimg_image *image, const char *path,
                                      ociimg_bool present, ociimg_error **err);

/**
 * Sets one member of the config's "config" object ("Healthcheck") to a JSON value of len
 * bytes; NULL removes it. The value must follow the rules of loading. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no image, a name that is NULL, "" or not UTF-8),
 * OCIIMG_STATUS_MALFORMED (invalid JSON, or a value that a config may not have there) or
 * OCIIMG_STATUS_BUSY (the image is in use on another thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_config_member(ociimg_image *image, const char *name,
                                             const uint8_t *json, size_t len,
                                             ociimg_error **err);

/**
 * Replaces the config with a document of len bytes, which must follow the rules of loading.
 * Its diff IDs must be those of the layers. The image then has the document's platform. Runs
 * no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, other diff IDs), OCIIMG_STATUS_MALFORMED
 * (invalid JSON, or no image config) or OCIIMG_STATUS_BUSY (the image is in use on another
 * thread). The image stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_set_config_json(ociimg_image *image, const uint8_t *json,
                                           size_t len, ociimg_error **err);

/** @} */

/* ---- Making layers --------------------------------------------------------------------- */

/**
 * @defgroup layer_writer Making layers
 * Layers from a tar stream, from a file, or from a loader.
 * @{
 */

/** A compression: one of the OCIIMG_COMPRESSION_ constants. */
typedef int32_t ociimg_compression;

/** The values of ociimg_compression. */
enum ociimg_compression_values OCIIMG_INT32_ENUM {
  /** gzip for a layer, none for an archive as a whole. */
  OCIIMG_COMPRESSION_DEFAULT = 0,
  /** No compression. */
  OCIIMG_COMPRESSION_NONE = 1,
  /** gzip (RFC 1952). */
  OCIIMG_COMPRESSION_GZIP = 2,
  /** zstd (RFC 8878). */
  OCIIMG_COMPRESSION_ZSTD = 3
};

/** Flags of ociimg_layer_options. */
enum ociimg_layer_flag_values OCIIMG_INT32_ENUM {
  /**
   * The input is compressed already (with gzip, zstd, bzip2 or xz) and kept as it is.
   * The diff ID is found by unpacking it. compression and level are not used.
   */
  OCIIMG_LAYER_IS_COMPRESSED = 1
};

/**
 * Makes a layer from a tar stream that the program writes. For one thread at a time, not
 * always the same. Freed with ociimg_layer_writer_free.
 */
typedef struct ociimg_layer_writer ociimg_layer_writer;

/** How a layer is made. A field that is 0 or NULL has its default. */
typedef struct ociimg_layer_options {
  /** sizeof(ociimg_layer_options). */
  size_t struct_size;
  /** How the layer is compressed. Default: gzip. */
  ociimg_compression compression;
  /**
   * Level of the compression: 1 to 9 for gzip (default 6), 1 to 22 or a negative one for
   * zstd (default 3). Another is OCIIMG_STATUS_INVALID_ARGUMENT.
   */
  int32_t level;
  /**
   * Algorithm of digest and diff ID: "sha256" (default), "sha512" or "blake3". Another
   * is OCIIMG_STATUS_UNSUPPORTED.
   */
  const char *digest_algorithm;
  /**
   * The folder for an unnamed temporary file; any bytes. Default: the one that TMPDIR
   * names, else /tmp.
   */
  const char *temp_dir;
  /**
   * Bytes of the stored layer that are kept in memory; a longer one goes to the temporary
   * file. Default: 1 MiB.
   */
  uint64_t max_memory;
  /**
   * The most bytes that the layer may have uncompressed. More is
   * OCIIMG_STATUS_LIMIT_EXCEEDED. Default: no limit.
   */
  uint64_t max_size;
  /**
   * Threads that the library may start for this writer; it starts no more than the machine
   * has processors, or 4. They never change the bytes. Each takes memory: about 3 MiB for
   * gzip, and for zstd about the size of its frames (8 MiB up to level 8, 32 MiB up to
   * level 19). Default: none.
   */
  uint32_t workers;
  /** OCIIMG_LAYER_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t flags;
} ociimg_layer_options;

/**
 * Starts a layer. opts and ctx may be NULL; the writer runs under ctx. Whatever the size of
 * the layer, a writer takes little memory: max_memory, the compressor's own, and the bytes
 * waiting to be compressed. The same input, options and version of the library give the
 * same bytes, whatever the sizes of the writes and the number of workers; other versions
 * may give different bytes. Runs no callbacks. The caller frees *out with
 * ociimg_layer_writer_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such compression or level, a
 * struct_size that can't be right), OCIIMG_STATUS_UNSUPPORTED (a digest algorithm or an
 * option that this version does not know), OCIIMG_STATUS_LIMIT_EXCEEDED (no memory for the
 * compressor) or OCIIMG_STATUS_CANCELLED.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_writer_new(const ociimg_layer_options *opts,
                                      const ociimg_context *ctx, ociimg_layer_writer **out,
                                      ociimg_error **err);

/**
 * Takes the next len bytes of the tar stream, any number of them; buf may be NULL if len
 * is 0. A failure is final: every later call fails the same way, and there is no layer.
 * Runs no callbacks.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL; after ociimg_layer_writer_finish),
 * OCIIMG_STATUS_MALFORMED (the first 512 bytes are neither a tar header nor zeros; with
 * OCIIMG_LAYER_IS_COMPRESSED, compressed data that is wrong), OCIIMG_STATUS_LIMIT_EXCEEDED
 * (max_size; no memory to compress), OCIIMG_STATUS_IO (the temporary file),
 * OCIIMG_STATUS_UNSUPPORTED (compressed data; a writer with workers in a child process
 * after fork) or OCIIMG_STATUS_CANCELLED. OCIIMG_STATUS_BUSY (the writer is in use on
 * another thread) alone leaves the writer as it was.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_writer_write(ociimg_layer_writer *writer, const uint8_t *buf,
                                        size_t len, ociimg_error **err);

/**
 * Ends the stream and returns the layer, once: a second call fails with
 * OCIIMG_STATUS_INVALID_ARGUMENT. The layer can be opened any number of times, by several
 * threads at once, also after the writer was freed. Its media type is OCI's for its
 * compression. Runs no callbacks. The caller frees *out with ociimg_layer_free.
 *
 * Fails as ociimg_layer_writer_write does, and with OCIIMG_STATUS_MALFORMED for a stream
 * of fewer than 512 bytes.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_writer_finish(ociimg_layer_writer *writer, ociimg_layer **out,
                                         ociimg_error **err);

/**
 * Frees a layer writer; NULL does nothing. A layer that it made stays usable; without one,
 * its temporary file is removed.
 */
void ociimg_layer_writer_free(ociimg_layer_writer *writer);

/**
 * Makes a layer from a file. A tar archive is compressed as by a layer writer. A compressed
 * file is not copied: it is read once now, for digest and diff ID, and again from its place
 * whenever the layer is read, so it must stay unchanged until then (a change is noticed:
 * OCIIMG_STATUS_DIGEST_MISMATCH or OCIIMG_STATUS_SIZE_MISMATCH). With
 * OCIIMG_LAYER_IS_COMPRESSED a tar archive is not copied or compressed either. path is
 * bytes; opts and ctx may be NULL. Runs no callbacks. The caller frees *out with
 * ociimg_layer_free.
 *
 * Fails as ociimg_layer_writer_new, _write and _finish do, and with
 * OCIIMG_STATUS_INVALID_ARGUMENT (path is NULL or ""), OCIIMG_STATUS_NOT_FOUND,
 * OCIIMG_STATUS_MALFORMED (no regular file), OCIIMG_STATUS_SIZE_MISMATCH (the file changes
 * meanwhile) or OCIIMG_STATUS_IO.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_from_file(const char *path, const ociimg_layer_options *opts,
                                     const ociimg_context *ctx, ociimg_layer **out,
                                     ociimg_error **err);

/**
 * Makes a layer from a known descriptor and diff ID, to be read from a loader. Reads nothing
 * and runs no callbacks; the layer keeps the loader. diff_id may be NULL: then
 * OCIIMG_READ_MODE_UNCOMPRESSED checks size and digest alone. The caller frees *out with
 * ociimg_layer_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a diff_id that is no digest).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_layer_new(const ociimg_descriptor *descriptor, const char *diff_id,
                               const ociimg_loader *from, ociimg_layer **out,
                               ociimg_error **err);

/** @} */

/* ---- Making indexes -------------------------------------------------------------------- */

/**
 * @defgroup index_builder Making indexes
 * Indexes from images and from other indexes.
 * @{
 */

/**
 * Builds an index: entries are added, replaced and removed. A function that changes it
 * needs exclusive use; the others may run on several threads at once. Owned by the caller
 * and freed with ociimg_index_builder_free.
 *
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
typedef struct ociimg_index_builder ociimg_index_builder;

/**
 * Makes a builder of an index without entries: an OCI index, or a Docker manifest list, as
 * format says (one of the OCIIMG_FORMAT_ constants). Runs no callback. The caller frees *out
 * with ociimg_index_builder_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no such format).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_new(ociimg_format format, ociimg_index_builder **out,
                                       ociimg_error **err);

/**
 * Makes a builder with the entries of an index's own root, as they are written: nested
 * indexes, attestations and broken ones too. The root of a selection is that of the index
 * that it was selected from; ociimg_index_builder_keep keeps only matching images. Members
 * of the root that this library does not know are kept. Runs no callback. The caller frees
 * *out with ociimg_index_builder_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an index whose root is a single manifest).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_from(const ociimg_index *index,
                                        ociimg_index_builder **out, ociimg_error **err);

/**
 * The number of entries of the index; 0 for NULL, and during a change on another thread.
 */
size_t ociimg_index_builder_count(const ociimg_index_builder *builder);

/**
 * The descriptor at a place; NULL beyond the end, and of an entry whose descriptor cannot be
 * read. The caller frees it with ociimg_descriptor_free.
 */
ociimg_descriptor *ociimg_index_builder_descriptor(const ociimg_index_builder *builder,
                                                   size_t i);

/**
 * Adds a snapshot of an image as the last entry: later changes have no effect here. platform
 * may be NULL for the image's own. Its layers are read from their own sources. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, a platform without os or architecture),
 * OCIIMG_STATUS_UNSUPPORTED (an OCI image for a Docker manifest list) or OCIIMG_STATUS_BUSY
 * (builder or image is in use on another thread). The builder stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_add_image(ociimg_index_builder *builder,
                                             const ociimg_image *image,
                                             const ociimg_platform *platform,
                                             ociimg_error **err);

/**
 * Adds another index as the last entry, nested in this one. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an index whose root is a single manifest, or
 * the index.json of a layout or archive), OCIIMG_STATUS_UNSUPPORTED (an OCI index for a Docker
 * manifest list) or OCIIMG_STATUS_BUSY (the builder is in use on another thread). The builder
 * stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_add_index(ociimg_index_builder *builder,
                                             const ociimg_index *nested,
                                             ociimg_error **err);

/**
 * Replaces an entry with a snapshot of an image. Annotations and unknown members of the
 * entry stay, its platform is the image's. Attestations of the replaced entry are removed,
 * unless another entry has the same digest. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no entry at i), OCIIMG_STATUS_UNSUPPORTED (an
 * OCI image for a Docker manifest list) or OCIIMG_STATUS_BUSY (builder or image is in use on
 * another thread). The builder stays as it was then.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_replace_image(ociimg_index_builder *builder, size_t i,
                                                 const ociimg_image *image,
                                                 ociimg_error **err);

/**
 * Removes an entry, and the attestations of it, unless another entry has the same digest.
 * Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, no entry at i) or OCIIMG_STATUS_BUSY (the
 * builder is in use on another thread).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_remove(ociimg_index_builder *builder, size_t i,
                                          ociimg_error **err);

/**
 * Removes the images whose platform (the descriptor's, else the config's) does not match, with
 * their attestations, and nested indexes without a matching image. Artifacts, unknown and
 * broken entries and those without a platform stay. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL) or OCIIMG_STATUS_BUSY (the builder is in use
 * on another thread).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_keep(ociimg_index_builder *builder,
                                        const ociimg_matcher *matcher, ociimg_error **err);

/**
 * Sets an annotation of the index; NULL as value removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no builder, a key that is NULL or "", text that is
 * not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker manifest list) or OCIIMG_STATUS_BUSY (the
 * builder is in use on another thread).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_set_annotation(ociimg_index_builder *builder,
                                                  const char *key, const char *value,
                                                  ociimg_error **err);

/**
 * Sets an annotation of an entry; NULL as value removes it. Runs no callback.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (no builder, no entry at i or one that cannot be
 * read, a key that is NULL or "", text that is not UTF-8), OCIIMG_STATUS_UNSUPPORTED (a Docker
 * manifest list) or OCIIMG_STATUS_BUSY (the builder is in use on another thread).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_set_entry_annotation(ociimg_index_builder *builder,
                                                        size_t i, const char *key,
                                                        const char *value,
                                                        ociimg_error **err);

/**
 * Makes an index from the builder's present state, like a loaded one: it can be selected from,
 * read and written, and its images are read from their own sources. Entries whose kind or
 * platform is not known yet are read, within the default limits of a load; this may run
 * callbacks. The builder can still be used. ctx may be NULL. The caller frees *out with
 * ociimg_index_free.
 *
 * Fails with the statuses of arguments and of a callback, and with
 * OCIIMG_STATUS_LIMIT_EXCEEDED (too many entries, too large), OCIIMG_STATUS_BUSY (the
 * builder is in use on another thread) or OCIIMG_STATUS_IO. Content that is missing or wrong
 * makes an entry OCIIMG_ENTRY_KIND_BROKEN.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_builder_finish(const ociimg_index_builder *builder,
                                          const ociimg_context *ctx, ociimg_index **out,
                                          ociimg_error **err);

/** Frees a builder; NULL does nothing. Any thread, callbacks too. */
void ociimg_index_builder_free(ociimg_index_builder *builder);

/** @} */

/* ---- Sinks ----------------------------------------------------------------------------- */

/**
 * @defgroup sink Sinks
 * Where images go: callbacks of the program, a layout or an archive.
 * @{
 */

/** The bits of flags in ociimg_sink_options. */
enum ociimg_sink_flag_values OCIIMG_INT32_ENUM {
  /**
   * The target must be new: OCIIMG_STATUS_EXISTS if the path exists. An empty folder
   * counts as new. Checked again by ociimg_sink_finish.
   */
  OCIIMG_SINK_MUST_BE_NEW = 1,
  /**
   * Layouts: hash existing layers, and replace those whose content is wrong. By default
   * the size of layers is compared, and documents are hashed.
   */
  OCIIMG_SINK_VERIFY_EXISTING = 2,
  /**
   * Do not wait until content is on the disk. Faster, and after a crash of the machine
   * the target may be incomplete.
   */
  OCIIMG_SINK_NO_SYNC = 4,
  /**
   * Archives: write manifest.json too, and names as Docker writes them, for docker load.
   */
  OCIIMG_SINK_DOCKER = 8
};

/**
 * Where images go: a program's table of callbacks, or a built-in sink. Any number of copies
 * may write to one at once, on any number of threads. Freed with ociimg_sink_free, at any
 * time: copies keep what they need.
 *
 * An image is visible once the copy has put its root; archives, and some sinks of
 * programs, need ociimg_sink_finish for that.
 */
typedef struct ociimg_sink ociimg_sink;

/**
 * The callbacks of a sink: where blobs, manifests and roots go. The rules of
 * ociimg_loader_vtable apply.
 *
 * Each callback with a result returns OCIIMG_STATUS_OK or another number, preferably
 * through ociimg_call_fail. They run on the threads that run a copy, concurrently if there
 * are several; the callbacks of one stream never run concurrently, but not always on the
 * thread that began the blob. No lock is held meanwhile: a callback may call the library
 * and free handles. Running the copy that it serves, or finishing the sink, is
 * OCIIMG_STATUS_BUSY there. Nothing may unwind or longjmp out of a callback: a C++
 * exception ends the program.
 *
 * state and streams are never dereferenced; streams may be integers other than 0. d, buf,
 * name and call are valid until the callback returns; d is not to be freed. A successful
 * begin_blob is followed by exactly one commit_blob or abort_blob. A success that leaves
 * *stream NULL, or an *offset above the size of the blob, is
 * OCIIMG_STATUS_CALLBACK_CONTRACT, and so is OCIIMG_STATUS_RESTART from any callback but
 * write and commit_blob.
 */
typedef struct ociimg_sink_vtable {
  /** sizeof(ociimg_sink_vtable). */
  size_t struct_size;
  /**
   * The number of blobs that may be open at once, over all copies to the sink. 0 is any
   * number. With 1, blobs and manifests come one at a time and in a fixed order, however
   * many threads copy.
   */
  uint32_t max_streams;
  /** 0; anything else is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t reserved;
  /**
   * Optional. Sets *present (0 on entry) to 1 if the complete blob is there: then its
   * source is not read.
   */
  int32_t (*has_blob)(void *state, const ociimg_descriptor *d, ociimg_bool *present,
                      ociimg_call *call);
  /**
   * Required. Begins a blob; *stream is not NULL on success. OCIIMG_STATUS_EXISTS: the
   * blob is there, and there is no stream. *offset is 0 on entry; a sink that has the
   * first bytes of the blob from an earlier attempt sets it to their number. The library
   * still reads and hashes them, and writes only the rest.
   */
  int32_t (*begin_blob)(void *state, const ociimg_descriptor *d, void **stream,
                        uint64_t *offset, ociimg_call *call);
  /**
   * Required. Writes all len (more than 0) bytes or fails. OCIIMG_STATUS_RESTART: the
   * bytes written are lost; abort_blob is called, then begin_blob again, at most
   * max_restarts times.
   */
  int32_t (*write)(void *state, void *stream, const uint8_t *buf, size_t len,
                   ociimg_call *call);
  /**
   * Required. Makes the blob visible: its size and digest were right. Ends the stream,
   * whatever it returns: after OCIIMG_STATUS_RESTART begin_blob comes again, without
   * abort_blob. OCIIMG_STATUS_EXISTS (another writer was faster) counts as success.
   */
  int32_t (*commit_blob)(void *state, void *stream, ociimg_call *call);
  /** Required. Ends the stream without making anything visible. */
  void (*abort_blob)(void *state, void *stream);
  /**
   * Required. Stores a manifest or index below the root, complete and verified, after
   * everything that it names.
   */
  int32_t (*put_manifest)(void *state, const ociimg_descriptor *d, const uint8_t *buf,
                          size_t len, ociimg_call *call);
  /**
   * Required. Stores a root, after everything else, once for each name; name is NULL
   * where it has none. An existing name is replaced. A source that lists several roots
   * under one name, such as one for each platform, puts each of them under it.
   */
  int32_t (*put_root)(void *state, const ociimg_descriptor *d, const uint8_t *buf,
                      size_t len, const char *name, ociimg_call *call);
  /**
   * Optional. Called once, by ociimg_sink_finish; no callback but destroy comes after it.
   */
  int32_t (*finish)(void *state, ociimg_call *call);
  /**
   * Optional. Called once, when the last handle that could use the sink is gone: the sink
   * itself or a copy. Without finish before it, discard everything that is not visible
   * yet. The other functions must stay callable until it returns.
   */
  void (*destroy)(void *state);
} ociimg_sink_vtable;

/** Options of the built-in sinks. A field that is 0 has its default. */
typedef struct ociimg_sink_options {
  /** sizeof(ociimg_sink_options). */
  size_t struct_size;
  /** OCIIMG_SINK_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t flags;
  /** Compression of an archive as a whole. Default: none. */
  ociimg_compression compression;
  /**
   * Level of that compression: 1 to 9 for gzip (default 6), 1 to 22 or a negative one for
   * zstd (default 3). Another is OCIIMG_STATUS_INVALID_ARGUMENT. Without compression it is
   * not used.
   */
  int32_t level;
  /** 0, else OCIIMG_STATUS_UNSUPPORTED. */
  uint32_t reserved;
} ociimg_sink_options;

/**
 * Makes a sink from the program's own callbacks. The table is copied; state is passed to
 * each callback and owned by the sink on success only: destroy is then called with it once,
 * when the last handle that could use the sink is gone. Runs no callback. The caller frees
 * *out with ociimg_sink_free.
 *
 * Fails with the statuses of options; those of arguments also for a required callback that
 * is missing.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_sink_new(const ociimg_sink_vtable *vtable, void *state,
                              ociimg_sink **out, ociimg_error **err);

/**
 * Completes the sink: an archive appears at its path when this succeeds. Nothing can be
 * written afterwards. Call it once, after all copies to the sink; a second call fails,
 * whether the first succeeded or not. May run the sink's callbacks, on this thread. ctx
 * may be NULL.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, or finished already),
 * OCIIMG_STATUS_BUSY (a copy to the sink is running; from inside its callbacks too) and
 * OCIIMG_STATUS_CANCELLED (before anything was done), which leave the sink unchanged. After
 * any other failure it is finished all the same. A sink of callbacks, and an archive that is
 * written to a callback, fail with the statuses of a callback; a layout or an archive with
 * OCIIMG_STATUS_EXISTS (it must be new: something is at the path of the archive, or another
 * program wrote to the layout), OCIIMG_STATUS_INVALID_ARGUMENT (a folder, link or device is
 * at the path of the archive now), OCIIMG_STATUS_IO, or the status with which writing failed
 * before.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_sink_finish(ociimg_sink *sink, const ociimg_context *ctx,
                                 ociimg_error **err);

/**
 * Frees this handle of a sink; NULL does nothing. Copies to it continue. When the last of
 * them is gone and ociimg_sink_finish did not succeed, everything that is not visible yet
 * is discarded. Any thread, callbacks too.
 */
void ociimg_sink_free(ociimg_sink *sink);

/**
 * Opens an OCI image layout for writing: a folder, created with its parents if absent.
 * Images are added to the layout; an existing name is replaced. Several sinks, threads and
 * programs may write to one layout at once: index.json changes under a lock (flock) on the
 * folder, and when the process is killed every reader still finds a valid layout. A program
 * that writes index.json without the lock is detected. Links in the folder are followed
 * only where they stay below it.
 *
 * The roots of a copy are listed with one change of index.json, when all of them are stored.
 * If storing one of them fails, those before it are listed; if the context of the thread that
 * stores them is cancelled before the change, none is. The next run continues after those
 * that are listed.
 *
 * path is bytes; opts may be NULL. The caller frees *out with ociimg_sink_free. Runs no
 * callbacks.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", a path that is no folder, an
 * impossible struct_size, OCIIMG_SINK_DOCKER or a compression, which only archives have),
 * OCIIMG_STATUS_NOT_FOUND (a link to nothing), OCIIMG_STATUS_EXISTS
 * (OCIIMG_SINK_MUST_BE_NEW), OCIIMG_STATUS_UNSUPPORTED (another layout version, an option
 * that this version does not know), OCIIMG_STATUS_MALFORMED (an invalid oci-layout),
 * OCIIMG_STATUS_LIMIT_EXCEEDED (an oci-layout of more than 4 MiB) or OCIIMG_STATUS_IO.
 *
 * Writing to the sink fails with OCIIMG_STATUS_MALFORMED (index.json is no index, a file or
 * folder of the layout is something else or leads out of it), OCIIMG_STATUS_LIMIT_EXCEEDED
 * (an index.json of more than 4 MiB), OCIIMG_STATUS_CONFLICT (another program keeps changing
 * index.json without the lock), OCIIMG_STATUS_EXISTS (OCIIMG_SINK_MUST_BE_NEW, and another
 * program wrote to the layout), OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_IO.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_sink_open_layout(const char *path, const ociimg_sink_options *opts,
                                      ociimg_sink **out, ociimg_error **err);

/**
 * Opens an OCI archive file (.tar) to be written. The file appears at path, or replaces
 * the file there, when ociimg_sink_finish succeeds; without that nothing appears. It is
 * written once, in one pass, to a file without a name in the same folder. The same content
 * gives the same bytes. One blob is written at a time. path is bytes; opts may be NULL. The
 * caller frees *out with ociimg_sink_free. Runs no callbacks.
 *
 * With OCIIMG_SINK_DOCKER the names that images are written under must be Docker's (else
 * OCIIMG_STATUS_INVALID_ARGUMENT, when they are written): "v1" is the repository v1 with the
 * tag latest.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL or "", something at the path that is no
 * regular file, such as a device or FIFO: write to that with
 * ociimg_sink_open_archive_stream; an impossible struct_size, an unknown compression or
 * level), OCIIMG_STATUS_NOT_FOUND (no such folder), OCIIMG_STATUS_EXISTS
 * (OCIIMG_SINK_MUST_BE_NEW), OCIIMG_STATUS_UNSUPPORTED (an option that this version does not
 * know) or OCIIMG_STATUS_IO.
 *
 * An archive is lost after a failed write or an aborted blob: every later call fails the
 * same way.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_sink_open_archive(const char *path, const ociimg_sink_options *opts,
                                       ociimg_sink **out, ociimg_error **err);

/**
 * Opens an archive like ociimg_sink_open_archive, but passes its bytes to a callback: for
 * pipes, sockets and other streams. write takes all len (more than 0) bytes of buf and
 * returns OCIIMG_STATUS_OK, or fails with another number, preferably through
 * ociimg_call_fail. It runs on the threads that write to the sink, one call after the other;
 * buf and call are valid until it returns. It may call the library, but writing to the same
 * sink is OCIIMG_STATUS_BUSY. destroy may be NULL; it is called with state once, when the
 * last handle that could use the sink is gone: the sink itself or a copy. state is owned on
 * success only. OCIIMG_SINK_MUST_BE_NEW,
 * OCIIMG_SINK_VERIFY_EXISTING and OCIIMG_SINK_NO_SYNC have no effect here. opts may be
 * NULL. The caller frees *out with ociimg_sink_free. Runs no callback itself: the first
 * bytes are written with the first content.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an impossible struct_size, an unknown
 * compression or level) or OCIIMG_STATUS_UNSUPPORTED (an option that this version does not
 * know).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_sink_open_archive_stream(int32_t (*write)(void *state, const uint8_t *buf, size_t len, ociimg_call *call),
                                              void (*destroy)(void *state), void *state,
                                              const ociimg_sink_options *opts,
                                              ociimg_sink **out, ociimg_error **err);

/** @} */

/* ---- Copying --------------------------------------------------------------------------- */

/**
 * @defgroup copy Copying
 * Images from a loader into a sink; bytes and digests never change.
 * @{
 */

/**
 * The event of a report of a copy: the values of ociimg_copy_progress.event. More may be
 * added.
 */
enum ociimg_copy_event_values OCIIMG_INT32_ENUM {
  /** Bytes of a blob were read, and written unless the sink had them from before. */
  OCIIMG_COPY_BLOB = 1,
  /** A blob was copied: read, verified, written and committed. */
  OCIIMG_COPY_BLOB_DONE = 2,
  /**
   * A blob was not copied: the sink has it already (blob_bytes is its size), or it is
   * skipped (blob_bytes is 0).
   */
  OCIIMG_COPY_BLOB_SKIPPED = 3,
  /**
   * The bytes written of a blob are lost, since the sink asked for it again or an earlier
   * run failed in the middle of it. The only report with which bytes_done and
   * bytes_skipped may decrease.
   */
  OCIIMG_COPY_RESTARTED = 4,
  /** A manifest or index below a root was put. */
  OCIIMG_COPY_MANIFEST = 5,
  /** A root was put, under one of its names: a layout lists it now. */
  OCIIMG_COPY_ROOT = 6
};

/** The bits of ociimg_copy_options.flags. */
enum ociimg_copy_flag_values OCIIMG_INT32_ENUM {
  /** Copies the root of a selection unchanged, and below it only the selected entries. */
  OCIIMG_COPY_SPARSE = 1,
  /**
   * Skips content that the source lacks (OCIIMG_STATUS_NOT_FOUND) and BROKEN entries.
   * Content that is present but wrong still fails.
   */
  OCIIMG_COPY_LEAVE_OUT_MISSING = 2,
  /**
   * Skips nondistributable ("foreign") layers. By default those that the source has are
   * copied.
   */
  OCIIMG_COPY_SKIP_FOREIGN = 4,
  /**
   * Unpacks the layers of images on the way, and checks their diff IDs. Layers that the
   * sink has already are not read.
   */
  OCIIMG_COPY_CHECK_DIFF_IDS = 8
};

/**
 * A copy from a source to a sink, with its progress. Freed with ociimg_copy_free, at any
 * time: running calls continue.
 */
typedef struct ociimg_copy ociimg_copy;

/**
 * The progress of a copy. bytes_ and blobs_ count all blobs of the copy (configs and
 * layers, not manifests), each digest once; when it is done, done and skipped together are
 * the total.
 */
typedef struct ociimg_copy_progress {
  /** sizeof(ociimg_copy_progress), as the library knows it. */
  size_t struct_size;
  /**
   * The content that the event concerns. Valid until the callback returns; not to be freed.
   */
  const ociimg_descriptor *descriptor;
  /** Bytes of it that are in the sink so far. */
  uint64_t blob_bytes;
  /** Bytes that were written. */
  uint64_t bytes_done;
  /** Bytes that the sink had already, and those of skipped blobs. */
  uint64_t bytes_skipped;
  /** Bytes of all blobs that are known; grows while documents are read. */
  uint64_t bytes_total;
  /** Blobs that were copied. */
  uint32_t blobs_done;
  /** Blobs that the sink had already, and skipped blobs. */
  uint32_t blobs_skipped;
  /** All blobs that are known; grows while documents are read. */
  uint32_t blobs_total;
  /**
   * One of OCIIMG_COPY_BLOB, OCIIMG_COPY_BLOB_DONE, OCIIMG_COPY_BLOB_SKIPPED,
   * OCIIMG_COPY_RESTARTED, OCIIMG_COPY_MANIFEST and OCIIMG_COPY_ROOT.
   */
  int32_t event;
} ociimg_copy_progress;

/** How to copy. A field that is 0 or NULL has its default. */
typedef struct ociimg_copy_options {
  /** sizeof(ociimg_copy_options). */
  size_t struct_size;
  /**
   * The names under which the root is put, none of them NULL or ""; copied. A layout or
   * archive as the source must then list exactly one root. Default: the names that a layout
   * or archive has for its roots; of other sources none.
   */
  const char *const *names;
  /** The number of names. */
  size_t name_count;
  /**
   * OCIIMG_COPY_SPARSE, OCIIMG_COPY_LEAVE_OUT_MISSING, OCIIMG_COPY_SKIP_FOREIGN and
   * OCIIMG_COPY_CHECK_DIFF_IDS, or'ed. Other bits are OCIIMG_STATUS_UNSUPPORTED.
   */
  uint32_t flags;
  /** How often a sink may ask for one blob again (OCIIMG_STATUS_RESTART). Default: 3. */
  uint32_t max_restarts;
  /**
   * Called with user_data during the copy, on the threads that run it: one call at a time,
   * in the order in which the counters change. A thread may report the work of another. No
   * lock is held meanwhile; it may free handles and cancel the context, but not run the
   * copy. p is valid until it returns. The function must stay callable until the copy is
   * freed and no longer runs.
   */
  void (*progress)(void *user_data, const ociimg_copy_progress *p);
  /** Passed to progress; never dereferenced. */
  void *user_data;
} ociimg_copy_options;

/**
 * Makes a copy of an index with everything below its root: nested indexes, images,
 * artifacts, attestations and unknown content. Nothing is read or written before
 * ociimg_copy_run, and no callback runs. The entries of a layout's or archive's index.json
 * are separate roots, each put under its name. index, sink and options may be freed
 * afterwards. opts may be NULL. The caller frees *out with ociimg_copy_free.
 *
 * Bytes and digests never change. Blobs come first, then each manifest after everything
 * that it names; the roots come last. Each digest is written once, however often it is
 * named, and every blob is verified on the way. Content that a manifest names is checked
 * even if the sink has the manifest already.
 *
 * Fails with the statuses of options, and with OCIIMG_STATUS_INVALID_ARGUMENT for a name
 * that is "", for a selection without OCIIMG_COPY_SPARSE, since it has no document of its
 * own, and for names where a layout or archive lists several roots.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_copy_new(const ociimg_index *index, const ociimg_sink *sink,
                              const ociimg_copy_options *opts, ociimg_copy **out,
                              ociimg_error **err);

/**
 * As ociimg_copy_new, for a snapshot of a single image: later changes have no effect. Its
 * manifest is the root.
 *
 * Fails as ociimg_copy_new does, and with OCIIMG_STATUS_BUSY (the image is being changed on
 * another thread).
 */
OCIIMG_MUST_USE
ociimg_status ociimg_copy_new_image(const ociimg_image *image, const ociimg_sink *sink,
                                    const ociimg_copy_options *opts, ociimg_copy **out,
                                    ociimg_error **err);

/**
 * Works until everything is copied. Any number of the program's threads may run one copy at
 * once: each takes the next blob, and all return when everything is copied or one of them
 * failed. The library starts no thread; callbacks of loader, sink and progress run on the
 * threads that run the copy, under the context of their thread. ctx may be NULL; cancelling
 * that of one thread ends the run of all with OCIIMG_STATUS_CANCELLED. Memory does not grow
 * with the sizes of blobs.
 *
 * After a failure the next call continues: committed content is not copied again. A call
 * after everything is copied does nothing.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, or the sink is finished), and with
 * OCIIMG_STATUS_BUSY from inside a callback of this thread's run of the same copy, or of
 * another copy to the same sink while max_streams blobs are open. With the statuses of a
 * source: OCIIMG_STATUS_UNSUPPORTED also for a digest or, with OCIIMG_COPY_CHECK_DIFF_IDS,
 * a layer that cannot be checked, OCIIMG_STATUS_LIMIT_EXCEEDED for the load's
 * max_document_size and for more than 1048576 blobs; and with the error of a BROKEN entry.
 * With the statuses of a sink's callbacks, OCIIMG_STATUS_IO, OCIIMG_STATUS_EXISTS and
 * OCIIMG_STATUS_CONFLICT, and with OCIIMG_STATUS_UNAVAILABLE where a sink asks for a blob
 * more than max_restarts times. When one thread fails, all return its error.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_copy_run(const ociimg_copy *copy, const ociimg_context *ctx,
                              ociimg_error **err);

/**
 * Frees this handle of a copy; NULL does nothing. A running call continues. Any thread,
 * callbacks too.
 */
void ociimg_copy_free(ociimg_copy *copy);

/**
 * Copies an index on this thread and runs the callbacks of loader and sink: ociimg_copy_new with
 * this one name, ociimg_copy_run and ociimg_copy_free. name and ctx may be NULL; "" counts as
 * NULL. The sink is not finished: an archive appears only after ociimg_sink_finish.
 *
 * Fails as ociimg_copy_new and ociimg_copy_run do.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_index_write(const ociimg_index *index, const ociimg_sink *sink,
                                 const char *name, const ociimg_context *ctx,
                                 ociimg_error **err);

/**
 * Copies a snapshot of an image on this thread and runs the callbacks of loader and sink:
 * ociimg_copy_new_image with this one name, ociimg_copy_run and ociimg_copy_free. name and ctx
 * may be NULL; "" counts as NULL. The sink is not finished: an archive appears only after
 * ociimg_sink_finish.
 *
 * Fails as ociimg_copy_new_image and ociimg_copy_run do.
 */
OCIIMG_MUST_USE
ociimg_status ociimg_image_write(const ociimg_image *image, const ociimg_sink *sink,
                                 const char *name, const ociimg_context *ctx,
                                 ociimg_error **err);

/** @} */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* OCIIMG_H */
