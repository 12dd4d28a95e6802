/*
 * ociimg_registry: images out of and into registries (OCI distribution specification 1.1,
 * Docker Registry HTTP API V2), as a loader and a sink of libociimg, over libcurl.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The rules of ociimg.h hold: ownership, text, errors, struct_size, threads. A loader from
 * ociimg_registry_loader goes to ociimg_index_load, a sink from ociimg_registry_sink to
 * ociimg_copy_new. All calls look at their context at least ten times a second while they
 * wait. The library starts no thread of its own, and raises and handles no signal; it starts
 * no process but credential helpers. (While the name of a host is looked up, libcurl may run
 * a thread.)
 *
 * The program must not be in the first use of libcurl on another thread while it calls
 * ociimg_registry_new for the first time, if its libcurl is older than 7.84.
 */

#ifndef OCIIMG_REGISTRY_H
#define OCIIMG_REGISTRY_H

/* Made from registry/src/ffi by cbindgen; do not edit.
 * `UPDATE=1 cargo test -p ociimg-registry --test header` makes it anew. */

#include "ociimg.h"

/**
 * Bits of `flags` in ociimg_registry_options.
 */
enum ociimg_registry_flags
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * http and never https. Without it http is asked on loopback alone (localhost,
   * 127.0.0.0/8, ::1), where https was refused or answered by something that is not TLS.
   */
  OCIIMG_REGISTRY_PLAIN_HTTP = 1,
  /**
   * Certificates are not checked.
   */
  OCIIMG_REGISTRY_INSECURE_TLS = 2,
  /**
   * The default files with logins are not read; `auth_file` is, where it is given.
   */
  OCIIMG_REGISTRY_NO_AUTH_FILES = 4,
  /**
   * No docker-credential-* program is started.
   */
  OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS = 8,
  /**
   * No proxy, neither `proxy` nor the environment's.
   */
  OCIIMG_REGISTRY_NO_PROXY = 16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ociimg_registry_flags ociimg_registry_flags;
#else
typedef int32_t ociimg_registry_flags;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Connections, logins and tokens, shared by all loaders and sinks that come from it, which
 * keep what they need of it: it may be freed before them. Any number of threads may use
 * one at once.
 */
typedef struct ociimg_registry ociimg_registry;

/**
 * How ociimg_registry_new makes a handle. Zero it and set struct_size: a field that is 0,
 * NULL or "" has its default.
 */
typedef struct ociimg_registry_options {
  /**
   * sizeof(ociimg_registry_options), as your program knows it.
   */
  size_t struct_size;
  /**
   * For the registry of a reference, never for a mirror. Default: what the auth files
   * have.
   */
  const char *username;
  /**
   * Goes with `username`.
   */
  const char *password;
  /**
   * A bearer token for the registry, in place of both.
   */
  const char *token;
  /**
   * The one file with logins. Default: REGISTRY_AUTH_FILE,
   * XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
   * DOCKER_CONFIG/config.json and ~/.docker/config.json, in this order until one has a
   * login.
   */
  const char *auth_file;
  /**
   * Certificate authorities in PEM, trusted beside the system's and beside those of
   * certs.d (~/.config/containers, /etc/containers, /etc/docker).
   */
  const char *ca_file;
  /**
   * A certificate of the client's in PEM, for the registry alone. Default: certs.d.
   */
  const char *client_cert;
  /**
   * Its key in PEM; default: in the same file.
   */
  const char *client_key;
  /**
   * "http://host:port", for every host. Default: https_proxy, http_proxy, all_proxy and
   * no_proxy, as libcurl reads them.
   */
  const char *proxy;
  /**
   * Default: "ociimg-registry/" and the version.
   */
  const char *user_agent;
  /**
   * "host[:port][/prefix]", asked first for blobs, and for manifests by digest.
   */
  const char *const *mirrors;
  /**
   * How many there are.
   */
  size_t mirror_count;
  /**
   * Bytes of a manifest or index; default 4 MiB.
   */
  uint64_t max_manifest_size;
  /**
   * OCIIMG_REGISTRY_ bits.
   */
  uint32_t flags;
  /**
   * Default 30,000.
   */
  uint32_t connect_timeout_ms;
  /**
   * How long a server or credential helper may be silent; default 60,000.
   */
  uint32_t stall_timeout_ms;
  /**
   * Tries after the first, without progress between them; default 5.
   */
  uint32_t max_retries;
} ociimg_registry_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of this library, "0.2.0". Static text, never NULL. Any thread.
 */
const char *ociimg_registry_version(void);

/**
 * Makes a handle; nobody is asked anything yet. `opts` may be NULL. Texts are copied. Free
 * it with ociimg_registry_free. Runs no callback.
 *
 * OCIIMG_STATUS_INVALID_ARGUMENT: `out` is NULL, an option can't be right, or `ca_file`
 * can't be read or has no certificate. OCIIMG_STATUS_UNSUPPORTED: an unknown flag, or a
 * field of a newer library.
 */
ociimg_status ociimg_registry_new(const struct ociimg_registry_options *opts,
                                  struct ociimg_registry **out,
                                  ociimg_error **err);

/**
 * Frees a handle; NULL does nothing. Loaders and sinks that came from it go on. Any thread.
 */
void ociimg_registry_free(struct ociimg_registry *registry);

/**
 * A loader of an image in a registry. `reference` is a name as Docker reads it: "busybox",
 * "quay.io/a/b:tag", "localhost:5000/a@sha256:..."; with a tag beside a digest the digest
 * counts.
 *
 * A tag is resolved here, once, by a GET whose bytes are the root that the loader gives; of
 * a digest nobody is asked yet, and the loader knows its root digest. `ctx` is for this call
 * and not kept; it may be NULL. Free the loader with ociimg_loader_free. It may be used on
 * several threads at once. Runs no callback of the program's.
 *
 * Nothing is sent to the registry that shows who you are before it asks for a login. No
 * error contains a login, a token or a password.
 *
 * OCIIMG_STATUS_INVALID_ARGUMENT: NULL, or no image name. OCIIMG_STATUS_NOT_FOUND: there is
 * no such tag or repository. OCIIMG_STATUS_DENIED: not logged in, or not allowed.
 * OCIIMG_STATUS_UNAVAILABLE: the network or the registry failed, after retries.
 * OCIIMG_STATUS_LIMIT_EXCEEDED: the manifest is larger than `max_manifest_size`.
 * OCIIMG_STATUS_CANCELLED. OCIIMG_STATUS_CALLBACK: the registry refused with another HTTP
 * status, which ociimg_error_callback_code gives.
 */
ociimg_status ociimg_registry_loader(const struct ociimg_registry *registry,
                                     const char *reference,
                                     const ociimg_context *ctx,
                                     ociimg_loader **out,
                                     ociimg_error **err);

/**
 * A sink that writes into a repository, "localhost:5000/a/b". The names that are given to a
 * copy are tags, anything else is OCIIMG_STATUS_INVALID_ARGUMENT there; without a name the
 * root is put by its digest. Nobody is asked anything yet. Free it with ociimg_sink_free.
 * It may be written on several threads at once. Runs no callback of the program's.
 *
 * What the registry has already is not sent again, and what this handle has seen in another
 * repository of it is mounted from there. Uploads that are given up are deleted, for which
 * a second is taken at most.
 *
 * OCIIMG_STATUS_INVALID_ARGUMENT: NULL, no repository, or one with a tag or digest.
 */
ociimg_status ociimg_registry_sink(const struct ociimg_registry *registry,
                                   const char *repository,
                                   ociimg_sink **out,
                                   ociimg_error **err);

/**
 * Gives each tag of a repository to `visit`, page after page, on this thread, in the
 * registry's order. The tag is valid until `visit` returns. `visit` returns OCIIMG_STATUS_OK,
 * or another number, which ends it: OCIIMG_STATUS_CALLBACK, with that number as
 * callback_code. `visit` may call the library and free `registry`, and must not unwind.
 * `ctx` may be NULL.
 *
 * OCIIMG_STATUS_INVALID_ARGUMENT: NULL, no repository, or one with a tag or digest.
 * OCIIMG_STATUS_NOT_FOUND: there is no such repository; of one without tags registries say
 * so, too, or give none. OCIIMG_STATUS_DENIED: not logged in, or not allowed.
 * OCIIMG_STATUS_MALFORMED: the answer is no list of tags. OCIIMG_STATUS_LIMIT_EXCEEDED: a
 * page is larger than 4 MiB. OCIIMG_STATUS_UNAVAILABLE: the network or the registry failed,
 * after retries, or its pages don't end. OCIIMG_STATUS_CANCELLED. OCIIMG_STATUS_CALLBACK:
 * as above, or the registry refused with another HTTP status.
 */
ociimg_status ociimg_registry_list_tags(const struct ociimg_registry *registry,
                                        const char *repository,
                                        int32_t (*visit)(void *state, const char *tag),
                                        void *state,
                                        const ociimg_context *ctx,
                                        ociimg_error **err);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OCIIMG_REGISTRY_H */
