/*
 * ociimg_registry: pulls images from registries and pushes them (OCI distribution
 * specification 1.1, Docker Registry HTTP API V2), as a loader and a sink of libociimg, over
 * libcurl.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The rules of ociimg.h apply: ownership, text, errors, struct_size, threads. Pass a loader
 * from ociimg_registry_loader to ociimg_index_load, and a sink from ociimg_registry_sink to
 * ociimg_copy_new. A call that waits checks its context at least ten times a second. The
 * library starts no threads (libcurl may run one, with all signals blocked, while it looks up
 * the name of a host) and no processes except credential helpers; it neither raises nor
 * handles signals.
 *
 * With a libcurl older than 7.84, no other thread may use libcurl for the first time while
 * the program calls ociimg_registry_new for the first time.
 */

#ifndef OCIIMG_REGISTRY_H
#define OCIIMG_REGISTRY_H

/* Made from registry/src/ffi by cbindgen; do not edit.
 * `UPDATE=1 cargo test -p ociimg-registry --test header` makes it anew. */

#include "ociimg.h"

/**
 * The bits of flags in ociimg_registry_options.
 */
enum ociimg_registry_flags
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Use http, never https. By default http is used on loopback alone (localhost,
   * 127.0.0.0/8, ::1), if https is refused or answered by something that is not TLS.
   */
  OCIIMG_REGISTRY_PLAIN_HTTP = 1,
  /**
   * Do not check certificates.
   */
  OCIIMG_REGISTRY_INSECURE_TLS = 2,
  /**
   * Do not read the default files with logins; auth_file is read if it is set.
   */
  OCIIMG_REGISTRY_NO_AUTH_FILES = 4,
  /**
   * Start no docker-credential-* program.
   */
  OCIIMG_REGISTRY_NO_CREDENTIAL_HELPERS = 8,
  /**
   * Use no proxy, neither the option's nor the environment's.
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
 * Connections, logins and tokens, shared by all loaders and sinks that are made from it. Any
 * number of threads may use one at once. Freed with ociimg_registry_free, at any time: loaders
 * and sinks keep what they need.
 */
typedef struct ociimg_registry ociimg_registry;

/**
 * Options of ociimg_registry_new. Zero it and set struct_size: a field that is 0, NULL or ""
 * has its default. Texts are copied; paths are bytes.
 */
typedef struct ociimg_registry_options {
  /**
   * sizeof(ociimg_registry_options), as your program knows it.
   */
  size_t struct_size;
  /**
   * The login for the registry of a reference; never sent to a mirror. Default: the login
   * in the auth files.
   */
  const char *username;
  /**
   * The password for username.
   */
  const char *password;
  /**
   * A bearer token for the registry, instead of username and password.
   */
  const char *token;
  /**
   * The only file to read logins from. Default: REGISTRY_AUTH_FILE,
   * XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json,
   * DOCKER_CONFIG/config.json and ~/.docker/config.json; the first that has a login for
   * the registry counts.
   */
  const char *auth_file;
  /**
   * A file of certificate authorities in PEM. They are trusted in addition to those of the
   * system and of certs.d (~/.config/containers, /etc/containers, /etc/docker).
   */
  const char *ca_file;
  /**
   * A file with a client certificate in PEM, for the registry alone. Default: certs.d.
   */
  const char *client_cert;
  /**
   * A file with its key in PEM. Default: client_cert. Invalid without client_cert.
   */
  const char *client_key;
  /**
   * A proxy for every host, "http://host:port". Default: https_proxy, http_proxy, all_proxy
   * and no_proxy of the environment, as libcurl reads them.
   */
  const char *proxy;
  /**
   * The User-Agent of requests. Default: "ociimg-registry/" and the version.
   */
  const char *user_agent;
  /**
   * Mirrors, "host[:port][/prefix]" each, in their order. They are asked for blobs, and for
   * manifests by digest, before the registry. Default: none.
   */
  const char *const *mirrors;
  /**
   * The number of mirrors.
   */
  size_t mirror_count;
  /**
   * The most bytes of a manifest or index. Default: 4 MiB.
   */
  uint64_t max_manifest_size;
  /**
   * OCIIMG_REGISTRY_ bits. An unknown one is OCIIMG_STATUS_UNSUPPORTED.
   */
  uint32_t flags;
  /**
   * Milliseconds that connecting may take. Default: 30,000.
   */
  uint32_t connect_timeout_ms;
  /**
   * Milliseconds that a server or credential helper may be silent. Default: 60,000.
   */
  uint32_t stall_timeout_ms;
  /**
   * Attempts after the first, as long as there is no progress between them. Default: 5.
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
 * Makes a handle, without any request. opts may be NULL. Runs no callback. The caller frees
 * *out with ociimg_registry_free.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (out is NULL, an option is invalid, ca_file cannot
 * be read or has no certificate) or OCIIMG_STATUS_UNSUPPORTED (a flag or field that this
 * version does not know).
 */
ociimg_status ociimg_registry_new(const struct ociimg_registry_options *opts,
                                  struct ociimg_registry **out,
                                  ociimg_error **err);

/**
 * Frees a handle; NULL does nothing. Loaders and sinks made from it stay usable. Any thread,
 * callbacks too.
 */
void ociimg_registry_free(struct ociimg_registry *registry);

/**
 * Makes a loader of an image in a registry. reference is a name by Docker's rules: "busybox",
 * "quay.io/a/b:tag", "localhost:5000/a@sha256:..."; of a tag and a digest the digest counts.
 *
 * A tag is resolved here, once: the manifest that the registry returns for it is the root of
 * the loader. With a digest, no request is made yet, and the loader knows the digest of its
 * root. ctx may be NULL; it applies to this call alone. Several threads may use the loader at
 * once. Runs no callback of the program. The caller frees *out with ociimg_loader_free.
 *
 * No login is sent before the registry asks for one. No error contains a password or token.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid name), OCIIMG_STATUS_NOT_FOUND
 * (no such tag or repository), OCIIMG_STATUS_DENIED (not logged in, or not allowed),
 * OCIIMG_STATUS_UNAVAILABLE (the network or the registry failed, after retries),
 * OCIIMG_STATUS_LIMIT_EXCEEDED (max_manifest_size), OCIIMG_STATUS_CANCELLED or
 * OCIIMG_STATUS_CALLBACK (the registry refused with another HTTP status, which is
 * ociimg_error_callback_code). Reading from the loader fails with the same statuses.
 */
ociimg_status ociimg_registry_loader(const struct ociimg_registry *registry,
                                     const char *reference,
                                     const ociimg_context *ctx,
                                     ociimg_loader **out,
                                     ociimg_error **err);

/**
 * Makes a sink that pushes into a repository, "localhost:5000/a/b". The names of a copy must
 * be tags (else OCIIMG_STATUS_INVALID_ARGUMENT, when the root is put); without a name the root
 * is put by its digest. No request is made yet. Several threads may copy to the sink at once.
 * Runs no callback of the program. The caller frees *out with ociimg_sink_free.
 *
 * Content that the registry has already is not sent again; blobs that this handle has seen in
 * another repository of the registry are mounted from there. An aborted upload is deleted from
 * the registry, which takes a second at most.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid repository, a name with a tag or
 * digest). Writing to the sink fails with OCIIMG_STATUS_DENIED, OCIIMG_STATUS_NOT_FOUND,
 * OCIIMG_STATUS_UNAVAILABLE, OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_CALLBACK, as
 * ociimg_registry_loader does, and with OCIIMG_STATUS_LIMIT_EXCEEDED where the registry finds
 * a blob or manifest too large (HTTP 413).
 */
ociimg_status ociimg_registry_sink(const struct ociimg_registry *registry,
                                   const char *repository,
                                   ociimg_sink **out,
                                   ociimg_error **err);

/**
 * Calls visit with state and each tag of a repository ("localhost:5000/a/b"), in the order of
 * the registry, page after page, on this thread. tag is valid until visit returns. visit
 * returns OCIIMG_STATUS_OK to continue; any other number ends the call with
 * OCIIMG_STATUS_CALLBACK, and is its ociimg_error_callback_code. visit may call the library and
 * free registry; it must not unwind. state is never dereferenced. ctx may be NULL.
 *
 * Fails with OCIIMG_STATUS_INVALID_ARGUMENT (NULL, an invalid repository, a name with a tag or
 * digest), OCIIMG_STATUS_NOT_FOUND (no such repository; some registries also say so of one
 * without tags), OCIIMG_STATUS_DENIED (not logged in, or not allowed),
 * OCIIMG_STATUS_MALFORMED (the answer is no list of tags), OCIIMG_STATUS_LIMIT_EXCEEDED (a page
 * of more than 4 MiB), OCIIMG_STATUS_UNAVAILABLE (the network or the registry failed, after
 * retries, or its pages do not end), OCIIMG_STATUS_CANCELLED or OCIIMG_STATUS_CALLBACK (visit;
 * or the registry refused with another HTTP status, which is ociimg_error_callback_code).
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
