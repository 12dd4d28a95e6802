/**
 * @file ociimg.hpp
 * @brief ociimg for C++17: owning types, iteration, exceptions, loaders and sinks as classes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Header only, over ociimg.h, whose rules apply here too: on threads, callbacks and statuses.
 * Each handle of C is a class that owns it and can be moved; `get()` is the handle of C. A
 * moved-from or empty object is the NULL handle: its getters return empty values.
 *
 * - Returned text is a std::string_view; it lives until the object that returned it is
 *   destroyed or changed. Absent text is an empty view; where "" and absent differ, it is a
 *   std::optional. Sequences (`entries()`, `env()`, ...) and their iterators keep their object
 *   alive.
 * - Functions that fail throw ociimg::error. Exceptions of your own loaders and sinks come
 *   back unchanged: out of the function that ran the callback, on the same thread.
 * - With OCIIMG_NO_EXCEPTIONS (or -fno-exceptions) the same functions return
 *   ociimg::result<T> instead, and so do the virtual functions of loaders and sinks.
 */
#ifndef OCIIMG_HPP
#define OCIIMG_HPP

#include "ociimg.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <istream>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if !defined(OCIIMG_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
#define OCIIMG_NO_EXCEPTIONS
#endif

namespace ociimg {

/* ---- statuses and errors ---------------------------------------------------------------- */

/** The statuses of C. Treat an unknown number as a failure. */
enum class status : std::int32_t {
    ok = OCIIMG_STATUS_OK,
    invalid_argument = OCIIMG_STATUS_INVALID_ARGUMENT,
    not_found = OCIIMG_STATUS_NOT_FOUND,
    unsupported = OCIIMG_STATUS_UNSUPPORTED,
    malformed = OCIIMG_STATUS_MALFORMED,
    digest_mismatch = OCIIMG_STATUS_DIGEST_MISMATCH,
    size_mismatch = OCIIMG_STATUS_SIZE_MISMATCH,
    limit_exceeded = OCIIMG_STATUS_LIMIT_EXCEEDED,
    cancelled = OCIIMG_STATUS_CANCELLED,
    callback = OCIIMG_STATUS_CALLBACK,
    callback_contract = OCIIMG_STATUS_CALLBACK_CONTRACT,
    io = OCIIMG_STATUS_IO,
    not_an_image = OCIIMG_STATUS_NOT_AN_IMAGE,
    busy = OCIIMG_STATUS_BUSY,
    internal = OCIIMG_STATUS_INTERNAL,
    exists = OCIIMG_STATUS_EXISTS,
    restart = OCIIMG_STATUS_RESTART,
    conflict = OCIIMG_STATUS_CONFLICT,
    denied = OCIIMG_STATUS_DENIED,
    unavailable = OCIIMG_STATUS_UNAVAILABLE
};

/** "DIGEST_MISMATCH"; "UNKNOWN" for an unknown number. */
inline std::string_view name(status s) noexcept
{
    return ociimg_status_name(static_cast<ociimg_status>(s));
}

/** The version of the library in use. */
inline std::string_view version() noexcept
{
    return ociimg_version();
}
inline std::uint32_t version_number() noexcept
{
    return ociimg_version_number();
}

namespace detail {

/** Absent text is an empty view. */
inline std::string_view view(const char *text) noexcept
{
    return text != nullptr ? std::string_view(text) : std::string_view();
}

inline std::optional<std::string_view> optional_view(const char *text) noexcept
{
    return text != nullptr ? std::optional<std::string_view>(text) : std::nullopt;
}

inline std::string_view view(const std::uint8_t *bytes, std::size_t size) noexcept
{
    return {reinterpret_cast<const char *>(bytes), size};
}

/** An owned handle of C. Sequences and entries keep it alive. */
template <class T, void (*Free)(T *)> class handle {
  public:
    handle() noexcept = default;
    /** Takes ownership. */
    explicit handle(T *owned)
    {
        if (owned != nullptr)
            owned_ = std::shared_ptr<T>(owned, Free);
    }
    handle(handle &&) noexcept = default;
    handle &operator=(handle &&) noexcept = default;

    T *get() const noexcept { return owned_.get(); }
    explicit operator bool() const noexcept { return owned_ != nullptr; }

  protected:
    std::shared_ptr<const T> shared() const noexcept { return owned_; }

  private:
    std::shared_ptr<T> owned_;
};

/** A handle that may be absent. */
template <class H, class T> std::optional<H> optional_handle(T *owned)
{
    if (owned == nullptr)
        return std::nullopt;
    return std::optional<H>(std::in_place, owned);
}

} // namespace detail

/** Text for a call: a C string, std::string, std::string_view, or nullptr for none. */
class text {
  public:
    text(std::nullptr_t) noexcept {}
    text(const char *z) noexcept : z_(z) {}
    text(const std::string &s) : z_(s.c_str()) { refuse_nul(s); }
    text(std::string_view s) : copy_(s), z_(copy_.c_str()) { refuse_nul(copy_); }
    text(const text &) = delete;
    text &operator=(const text &) = delete;

    const char *c_str() const noexcept { return z_; }

  private:
    /* C would see the text before the NUL. What is not UTF-8 is refused by the library. */
    void refuse_nul(const std::string &s) noexcept
    {
        if (s.find('\0') != std::string::npos)
            z_ = "\xff(text with a NUL)";
    }

    std::string copy_;
    const char *z_ = nullptr;
};

/** Why a call failed; this is thrown. Copies share one error. */
class error : public std::exception {
  public:
    /** An error of the program's own, for loaders and sinks. */
    explicit error(ociimg::status s, const text &message = nullptr, std::int64_t callback_code = 0)
        : error(ociimg_error_new(static_cast<ociimg_status>(s), callback_code, message.c_str()))
    {
    }
    /** Takes ownership. */
    explicit error(ociimg_error *owned) : shared_(owned, ociimg_error_free) {}

    ociimg::status status() const noexcept
    {
        return static_cast<ociimg::status>(ociimg_error_status(get()));
    }
    const char *what() const noexcept override { return ociimg_error_message(get()); }
    std::string_view message() const noexcept { return what(); }
    /** The digest of the content concerned, or empty. */
    std::string_view digest() const noexcept { return detail::view(ociimg_error_digest(get())); }
    /** The code that a callback gave, else 0. */
    std::int64_t callback_code() const noexcept { return ociimg_error_callback_code(get()); }
    /** The errno of a failure of the operating system, else 0. */
    int system_error() const noexcept { return ociimg_error_errno(get()); }

    const ociimg_error *get() const noexcept { return shared_.get(); }

  private:
    std::shared_ptr<ociimg_error> shared_;
};

/** A value, or the error of the call that should return it. */
template <class T> class result {
  public:
    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    result(ociimg::error e) noexcept : held_(std::in_place_index<1>, std::move(e)) {}

    explicit operator bool() const noexcept { return held_.index() == 0; }
    /** The value; ends the program if there is none. */
    T &value() &noexcept { return checked(); }
    T &&value() &&noexcept { return std::move(checked()); }
    T &operator*() &noexcept { return checked(); }
    T &&operator*() &&noexcept { return std::move(checked()); }
    T *operator->() noexcept { return &checked(); }
    /** The error; ends the program if there is a value. */
    const ociimg::error &error() const noexcept
    {
        const auto *e = std::get_if<1>(&held_);
        if (e == nullptr)
            std::terminate();
        return *e;
    }

  private:
    T &checked() noexcept
    {
        T *value = std::get_if<0>(&held_);
        if (value == nullptr)
            std::terminate();
        return *value;
    }

    std::variant<T, ociimg::error> held_;
};

template <> class result<void> {
  public:
    result() noexcept = default;
    result(ociimg::error e) noexcept : error_(std::move(e)) {}

    explicit operator bool() const noexcept { return !error_; }
    void value() const noexcept
    {
        if (error_)
            std::terminate();
    }
    const ociimg::error &error() const noexcept
    {
        if (!error_)
            std::terminate();
        return *error_;
    }

  private:
    std::optional<ociimg::error> error_;
};

#ifdef OCIIMG_NO_EXCEPTIONS
/** The return type of a function that can fail. */
template <class T> using returns = result<T>;
#else
/** The return type of a function that can fail: T, or it throws. */
template <class T> using returns = T;
#endif

namespace detail {

#ifndef OCIIMG_NO_EXCEPTIONS
/* An exception that left a callback, on its way through the library to the caller. Both run
   on one thread; the number tells it from an error of another call. */
struct in_flight {
    std::exception_ptr exception;
    std::int64_t number = 0x6f63696d67000000; /* unlike the codes that programs give */
};

inline in_flight &exception_in_flight() noexcept
{
    static thread_local in_flight exception;
    return exception;
}

[[noreturn]] inline void fail(error e)
{
    in_flight &own = exception_in_flight();
    if (own.exception && e.status() == status::callback && e.callback_code() == own.number)
        std::rethrow_exception(std::exchange(own.exception, nullptr));
    throw e;
}

/* Ends a callback with whatever was thrown in it. */
inline std::int32_t fail_callback(ociimg_call *call) noexcept
{
    try {
        throw;
    } catch (const error &e) {
        /* Its status may mean something to the library. */
        return ociimg_call_fail(call, static_cast<std::int32_t>(e.status()), e.callback_code(),
                                e.what());
    } catch (const std::exception &e) {
        in_flight &own = exception_in_flight();
        own.exception = std::current_exception();
        return ociimg_call_fail(call, OCIIMG_STATUS_CALLBACK, ++own.number, e.what());
    } catch (...) {
        in_flight &own = exception_in_flight();
        own.exception = std::current_exception();
        return ociimg_call_fail(call, OCIIMG_STATUS_CALLBACK, ++own.number, "an exception");
    }
}
#else
inline error fail(error e) noexcept
{
    return e;
}
#endif

inline std::int32_t fail_callback(ociimg_call *call, const error &e) noexcept
{
    return ociimg_call_fail(call, static_cast<std::int32_t>(e.status()), e.callback_code(),
                            e.what());
}

/* Runs the body of a callback: `body` returns a status, and may throw. */
template <class F> std::int32_t run_callback(ociimg_call *call, F body) noexcept
{
#ifdef OCIIMG_NO_EXCEPTIONS
    (void)call;
    return body();
#else
    try {
        return body();
    } catch (...) {
        return fail_callback(call);
    }
#endif
}

/* What a virtual function returned: `take` gets the value, or the callback fails. */
template <class T, class F> std::int32_t take_result(ociimg_call *call, result<T> returned, F take)
{
    if (!returned)
        return fail_callback(call, returned.error());
    return take(std::move(*returned));
}
template <class T, class F> std::int32_t take_result(ociimg_call *, T returned, F take)
{
    return take(std::move(returned));
}

/* Calls a function of C with an error to fill in. */
template <class F> returns<void> check(F function)
{
    ociimg_error *err = nullptr;
    if (function(&err) == OCIIMG_STATUS_OK)
        return returns<void>();
#ifdef OCIIMG_NO_EXCEPTIONS
    return fail(error(err));
#else
    fail(error(err));
#endif
}

/* The same for one that makes a handle, or another output. */
template <class T, class Out, class F> returns<T> make(F function)
{
    ociimg_error *err = nullptr;
    Out out = Out();
    if (function(&out, &err) == OCIIMG_STATUS_OK)
        return T(out);
#ifdef OCIIMG_NO_EXCEPTIONS
    return fail(error(err));
#else
    fail(error(err));
#endif
}

/* A sequence whose items are made when they are asked for. */
template <class At> class sequence {
  public:
    using value_type = std::invoke_result_t<At, std::size_t>;

    sequence(std::size_t size, At at) : size_(size), at_(std::move(at)) {}

    class iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = sequence::value_type;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = value_type;

        iterator(const sequence *of, std::size_t i) noexcept : of_(of), i_(i) {}
        value_type operator*() const { return of_->at_(i_); }
        iterator &operator++() noexcept
        {
            ++i_;
            return *this;
        }
        iterator operator++(int) noexcept
        {
            iterator before = *this;
            ++i_;
            return before;
        }
        bool operator==(const iterator &other) const noexcept { return i_ == other.i_; }
        bool operator!=(const iterator &other) const noexcept { return i_ != other.i_; }

      private:
        const sequence *of_;
        std::size_t i_;
    };

    iterator begin() const noexcept { return iterator(this, 0); }
    iterator end() const noexcept { return iterator(this, size_); }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /** The item at a place below size(). */
    value_type operator[](std::size_t i) const { return at_(i); }

  private:
    std::size_t size_;
    At at_;
};

template <class T>
auto texts(std::shared_ptr<const T> of, std::size_t (*count)(const T *),
           const char *(*at)(const T *, std::size_t))
{
    const std::size_t size = count(of.get());
    return sequence(size,
                    [of = std::move(of), at](std::size_t i) { return view(at(of.get(), i)); });
}

template <class T>
auto pairs(std::shared_ptr<const T> of, std::size_t (*count)(const T *),
           ociimg_bool (*at)(const T *, std::size_t, const char **, const char **))
{
    const std::size_t size = count(of.get());
    return sequence(size, [of = std::move(of), at](std::size_t i) {
        const char *key = nullptr, *value = nullptr;
        at(of.get(), i, &key, &value);
        return std::pair<std::string_view, std::string_view>(view(key), view(value));
    });
}

/* Handles that a function makes of each place. */
template <class H, class T, class N>
auto handles(std::shared_ptr<const T> of, std::size_t (*count)(const T *),
             N *(*at)(const T *, std::size_t))
{
    const std::size_t size = count(of.get());
    return sequence(size, [of = std::move(of), at](std::size_t i) { return H(at(of.get(), i)); });
}

template <class T>
std::string_view bytes(const T *of, const std::uint8_t *(*read)(const T *, std::size_t *)) noexcept
{
    std::size_t size = 0;
    const std::uint8_t *at = read(of, &size);
    return view(at, size);
}

/* A list of static texts, which ends with nullptr. */
inline auto media_types(const char *(*at)(std::size_t))
{
    std::size_t size = 0;
    while (at(size) != nullptr)
        ++size;
    return sequence(size, [at](std::size_t i) { return view(at(i)); });
}

/* Options of C with their struct_size, and all else at its default. */
template <class T> struct options : T {
    options() noexcept : T() { this->struct_size = sizeof(T); }
};

} // namespace detail

/** The media types of indexes that the library reads, OCI's first. */
inline auto supported_index_media_types()
{
    return detail::media_types(ociimg_supported_index_media_type_at);
}
/** The media types of manifests that the library reads, OCI's first. */
inline auto supported_manifest_media_types()
{
    return detail::media_types(ociimg_supported_manifest_media_type_at);
}

/* Text in options is that of C: pointers to what lives as long as the call. */
using source_options = detail::options<ociimg_source_options>;
using load_options = detail::options<ociimg_load_options>;
using reader_options = detail::options<ociimg_reader_options>;
using append_options = detail::options<ociimg_append_options>;
using layer_options = detail::options<ociimg_layer_options>;
using sink_options = detail::options<ociimg_sink_options>;
using copy_options = detail::options<ociimg_copy_options>;

/* ---- contexts --------------------------------------------------------------------------- */

/** Cancellation, and a pointer carried to the callbacks. Any thread. */
class context : public detail::handle<ociimg_context, ociimg_context_free> {
  public:
    explicit context(void *user_data = nullptr, void (*destroy)(void *user_data) = nullptr)
        : handle(ociimg_context_new(user_data, destroy))
    {
    }

    /** Another handle of the same context, for the code that cancels. */
    context clone() const { return context(ociimg_context_clone(get()), adopt()); }
    /** Cancels everything under the context. Any thread, signal handlers too. */
    void cancel() const noexcept { ociimg_context_cancel(get()); }
    bool is_cancelled() const noexcept { return ociimg_context_is_cancelled(get()) != 0; }

  private:
    struct adopt {};
    context(ociimg_context *owned, adopt) noexcept : handle(owned) {}
};

/** The context of a call, or none. */
class context_ref {
  public:
    context_ref() noexcept = default;
    context_ref(const context &c) noexcept : get_(c.get()) {}
    context_ref(const ociimg_context *c) noexcept : get_(c) {}
    const ociimg_context *get() const noexcept { return get_; }

  private:
    const ociimg_context *get_ = nullptr;
};

/** The call that a callback serves; valid until the callback returns. */
class call {
  public:
    explicit call(ociimg_call *c) noexcept : get_(c) {}
    bool is_cancelled() const noexcept { return ociimg_call_is_cancelled(get_) != 0; }
    void *user_data() const noexcept { return ociimg_call_user_data(get_); }
    ociimg_call *get() const noexcept { return get_; }

  private:
    ociimg_call *get_;
};

/* ---- references ------------------------------------------------------------------------- */

/** The name of an image by its parts, by Docker's rules. */
class reference : public detail::handle<ociimg_reference, ociimg_reference_free> {
  public:
    using handle::handle;

    /** Parses "busybox" or "localhost:5000/a/b:tag@sha256:..."; no tag is added. */
    static returns<reference> parse(const text &name)
    {
        return detail::make<reference, ociimg_reference *>(
            [&](ociimg_reference **out, ociimg_error **err) {
                return ociimg_reference_parse(name.c_str(), out, err);
            });
    }

    /** Host, and port if it has one; empty where the first part of the name cannot be a host. */
    std::string_view registry() const noexcept
    {
        return detail::view(ociimg_reference_registry(get()));
    }
    std::string_view repository() const noexcept
    {
        return detail::view(ociimg_reference_repository(get()));
    }
    /** Empty where it has none. */
    std::string_view tag() const noexcept { return detail::view(ociimg_reference_tag(get())); }
    /** Empty where it has none. */
    std::string_view digest() const noexcept
    {
        return detail::view(ociimg_reference_digest(get()));
    }
    /** The full name: "docker.io/library/busybox:1" */
    std::string_view format() const noexcept
    {
        return detail::view(ociimg_reference_format(get()));
    }
    /** The name as people write it: "busybox:1" */
    std::string_view familiar() const noexcept
    {
        return detail::view(ociimg_reference_familiar(get()));
    }
};

/* ---- platforms and matchers ------------------------------------------------------------- */

class platform : public detail::handle<ociimg_platform, ociimg_platform_free> {
  public:
    using handle::handle;

    /** Parses "linux/arm64/v8"; parts that are left out are those of `host`, or of this machine. */
    static returns<platform> parse(const text &specifier, const platform *host = nullptr)
    {
        return detail::make<platform, ociimg_platform *>(
            [&](ociimg_platform **out, ociimg_error **err) {
                return ociimg_platform_parse(specifier.c_str(),
                                             host != nullptr ? host->get() : nullptr, out, err);
            });
    }
    /** Makes a platform from these texts; nullptr and "" are absent. */
    static returns<platform> make(const text &os, const text &architecture,
                                  const text &variant = nullptr, const text &os_version = nullptr,
                                  const std::vector<std::string> &os_features = {})
    {
        std::vector<const char *> features;
        for (const std::string &feature : os_features)
            features.push_back(text(feature).c_str());
        return detail::make<platform, ociimg_platform *>(
            [&](ociimg_platform **out, ociimg_error **err) {
                return ociimg_platform_new(os.c_str(), architecture.c_str(), variant.c_str(),
                                           os_version.c_str(), features.data(), features.size(),
                                           out, err);
            });
    }
    /** The platform of this machine. */
    static platform host() { return platform(ociimg_platform_host()); }

    platform normalize() const { return platform(ociimg_platform_normalize(get())); }
    std::string_view os() const noexcept { return detail::view(ociimg_platform_os(get())); }
    std::string_view architecture() const noexcept
    {
        return detail::view(ociimg_platform_architecture(get()));
    }
    std::string_view variant() const noexcept
    {
        return detail::view(ociimg_platform_variant(get()));
    }
    std::string_view os_version() const noexcept
    {
        return detail::view(ociimg_platform_os_version(get()));
    }
    auto os_features() const
    {
        return detail::texts<ociimg_platform>(shared(), ociimg_platform_os_feature_count,
                                              ociimg_platform_os_feature_at);
    }
    /** "os/architecture/variant" */
    std::string_view format() const noexcept { return detail::view(ociimg_platform_format(get())); }
    /** "os(version+feature)/architecture/variant" */
    std::string_view format_all() const noexcept
    {
        return detail::view(ociimg_platform_format_all(get()));
    }
};

class matcher : public detail::handle<ociimg_matcher, ociimg_matcher_free> {
  public:
    using handle::handle;

    static matcher only(const platform &p) { return matcher(ociimg_matcher_only(p.get())); }
    static matcher only_strict(const platform &p)
    {
        return matcher(ociimg_matcher_only_strict(p.get()));
    }
    static matcher only_os(const platform &p) { return matcher(ociimg_matcher_only_os(p.get())); }
    static matcher ordered(const std::vector<const platform *> &ps)
    {
        return matcher(of(ps, ociimg_matcher_ordered));
    }
    static matcher any(const std::vector<const platform *> &ps)
    {
        return matcher(of(ps, ociimg_matcher_any));
    }
    static matcher all() { return matcher(ociimg_matcher_all()); }
    /** Matches what a machine of platform `host` runs by default, or this machine. */
    static matcher default_for(const platform *host = nullptr)
    {
        return matcher(ociimg_matcher_default(host != nullptr ? host->get() : nullptr));
    }

    bool match(const platform &p) const noexcept
    {
        return ociimg_matcher_match(get(), p.get()) != 0;
    }
    bool less(const platform &a, const platform &b) const noexcept
    {
        return ociimg_matcher_less(get(), a.get(), b.get()) != 0;
    }

  private:
    static ociimg_matcher *of(const std::vector<const platform *> &ps,
                              ociimg_matcher *(*make)(ociimg_platform *const *, std::size_t))
    {
        std::vector<ociimg_platform *> handles;
        for (const platform *p : ps)
            handles.push_back(p != nullptr ? p->get() : nullptr);
        return make(handles.data(), handles.size());
    }
};

/* ---- descriptors ------------------------------------------------------------------------ */

namespace detail {

/* The getters of descriptors, owned or not: both have get(). */
template <class Self> class descriptor_getters {
  public:
    /** As written in the document. */
    std::string_view media_type() const noexcept
    {
        return view(ociimg_descriptor_media_type(self()));
    }
    std::string_view digest() const noexcept { return view(ociimg_descriptor_digest(self())); }
    std::uint64_t size() const noexcept { return ociimg_descriptor_size(self()); }
    std::string_view artifact_type() const noexcept
    {
        return view(ociimg_descriptor_artifact_type(self()));
    }
    std::optional<ociimg::platform> platform() const
    {
        return optional_handle<ociimg::platform>(ociimg_descriptor_platform(self()));
    }
    auto urls() const
    {
        return texts<ociimg_descriptor>(shared_self(), ociimg_descriptor_url_count,
                                        ociimg_descriptor_url_at);
    }
    auto annotations() const
    {
        return pairs<ociimg_descriptor>(shared_self(), ociimg_descriptor_annotation_count,
                                        ociimg_descriptor_annotation_at);
    }
    std::optional<std::string_view> annotation(const text &key) const noexcept
    {
        return optional_view(ociimg_descriptor_annotation(self(), key.c_str()));
    }
    /** Embedded content, decoded. */
    std::optional<std::string_view> data() const noexcept
    {
        std::size_t size = 0;
        const std::uint8_t *bytes = ociimg_descriptor_data(self(), &size);
        return bytes != nullptr ? std::optional<std::string_view>(view(bytes, size)) : std::nullopt;
    }

  private:
    const ociimg_descriptor *self() const noexcept
    {
        return static_cast<const Self *>(this)->get();
    }
    std::shared_ptr<const ociimg_descriptor> shared_self() const noexcept
    {
        return static_cast<const Self *>(this)->shared();
    }
};

} // namespace detail

class descriptor : public detail::handle<ociimg_descriptor, ociimg_descriptor_free>,
                   public detail::descriptor_getters<descriptor> {
    friend class detail::descriptor_getters<descriptor>;

  public:
    using handle::handle;

    static returns<descriptor> make(const text &media_type, const text &digest, std::uint64_t size)
    {
        return detail::make<descriptor, ociimg_descriptor *>(
            [&](ociimg_descriptor **out, ociimg_error **err) {
                return ociimg_descriptor_new(media_type.c_str(), digest.c_str(), size, out, err);
            });
    }
};

/** The descriptor that a callback gets; valid until the callback returns. */
class descriptor_ref : public detail::descriptor_getters<descriptor_ref> {
    friend class detail::descriptor_getters<descriptor_ref>;

  public:
    descriptor_ref(const descriptor &d) noexcept : get_(d.get()) {}
    explicit descriptor_ref(const ociimg_descriptor *d) noexcept : get_(d) {}
    const ociimg_descriptor *get() const noexcept { return get_; }

  private:
    /* Owns nothing. */
    std::shared_ptr<const ociimg_descriptor> shared() const noexcept
    {
        return {std::shared_ptr<const ociimg_descriptor>(), get_};
    }

    const ociimg_descriptor *get_;
};

/* ---- readers ---------------------------------------------------------------------------- */

enum class read_mode : std::int32_t {
    stored = OCIIMG_READ_MODE_STORED,
    uncompressed = OCIIMG_READ_MODE_UNCOMPRESSED
};

/** Content as a stream of bytes, verified while it passes. */
class reader : public detail::handle<ociimg_reader, ociimg_reader_free> {
  public:
    using handle::handle;

    /** Reads up to `cap` bytes and returns their number; 0 is the end, and means that everything
        was verified. */
    returns<std::size_t> read(void *buf, std::size_t cap)
    {
        return detail::make<std::size_t, std::size_t>([&](std::size_t *n, ociimg_error **err) {
            return ociimg_reader_read(get(), static_cast<std::uint8_t *>(buf), cap, n, err);
        });
    }
    /** Reads and discards the rest, and fails unless everything was right. */
    returns<void> finish()
    {
        return detail::check([&](ociimg_error **err) { return ociimg_reader_finish(get(), err); });
    }
    bool is_verified() const noexcept { return ociimg_reader_is_verified(get()) != 0; }
    /** Bytes of the stored blob read so far. */
    std::uint64_t stored_read() const noexcept { return ociimg_reader_stored_read(get()); }
};

/** A reader as a std::streambuf. */
class reader_streambuf : public std::streambuf {
  public:
    explicit reader_streambuf(reader r, std::size_t size = 64 * 1024)
        : reader_(std::move(r)), buffer_(size > 0 ? size : 1)
    {
    }

    /** Reads and discards the rest, and fails unless everything was right. */
    returns<void> finish()
    {
        setg(nullptr, nullptr, nullptr);
        return reader_.finish();
    }
    bool is_verified() const noexcept { return reader_.is_verified(); }
    /** Why reading failed, if it did. */
    const std::optional<error> &failure() const noexcept { return failure_; }
    const reader &source() const noexcept { return reader_; }

  protected:
    int_type underflow() override
    {
        ociimg_error *err = nullptr;
        std::size_t n = 0;
        auto *bytes = reinterpret_cast<std::uint8_t *>(buffer_.data());
        if (ociimg_reader_read(reader_.get(), bytes, buffer_.size(), &n, &err) !=
            OCIIMG_STATUS_OK) {
            failure_.emplace(err);
            /* An exception makes the stream bad rather than at its end. */
#ifndef OCIIMG_NO_EXCEPTIONS
            detail::fail(*failure_);
#else
            return traits_type::eof();
#endif
        }
        setg(buffer_.data(), buffer_.data(), buffer_.data() + n);
        return n > 0 ? traits_type::to_int_type(buffer_[0]) : traits_type::eof();
    }

  private:
    reader reader_;
    std::vector<char> buffer_;
    std::optional<error> failure_;
};

/** A reader as std::istream. A failure makes it bad(), and failure() says why; with
    exceptions(std::ios::badbit) it throws. The end of the stream means that all was verified. */
class reader_istream : public std::istream {
  public:
    explicit reader_istream(reader r) : std::istream(nullptr), buf_(std::move(r)) { rdbuf(&buf_); }

    returns<void> finish() { return buf_.finish(); }
    bool is_verified() const noexcept { return buf_.is_verified(); }
    const std::optional<error> &failure() const noexcept { return buf_.failure(); }

  private:
    reader_streambuf buf_;
};

/* ---- loaders ---------------------------------------------------------------------------- */

/** A stream that a loader opened; its destructor closes it. */
class stream_base {
  public:
    virtual ~stream_base() = default;
    /** Writes up to `cap` (> 0) bytes into `buf` and returns their number; 0 is the end. */
    virtual returns<std::size_t> read(std::uint8_t *buf, std::size_t cap, const call &c) = 0;
};

/** Bytes in memory as a stream. */
class memory_stream : public stream_base {
  public:
    explicit memory_stream(std::string bytes) : bytes_(std::move(bytes)) {}
    returns<std::size_t> read(std::uint8_t *buf, std::size_t cap, const call &) override
    {
        const std::size_t n = bytes_.size() - at_ < cap ? bytes_.size() - at_ : cap;
        if (n > 0)
            std::memcpy(buf, bytes_.data() + at_, n);
        at_ += n;
        return n;
    }

  private:
    std::string bytes_;
    std::size_t at_ = 0;
};

/** A loader of the program's own. Its functions may run on several threads at once. What
    they throw comes back out of the call that runs them; an ociimg::error of status
    not_found, cancelled, denied or unavailable keeps its meaning for the library. */
class loader_base {
  public:
    using stream = std::unique_ptr<stream_base>;

    virtual ~loader_base() = default;
    /** The digest that the root must have, if it is known. */
    virtual returns<std::optional<std::string>> root_digest(const call &)
    {
        return std::optional<std::string>();
    }
    virtual returns<stream> open_root_manifest(const call &c) = 0;
    virtual returns<stream> open_manifest(std::string_view digest, const call &c) = 0;
    virtual returns<stream> open_blob(std::string_view digest, const call &c) = 0;
};

namespace detail {

struct loader_callbacks {
    static loader_base &of(void *state) { return *static_cast<loader_base *>(state); }

    static std::int32_t root_digest(void *state, char *buf, std::size_t cap,
                                    ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(
                c, of(state).root_digest(call(c)), [&](std::optional<std::string> digest) {
                    if (!digest)
                        return static_cast<std::int32_t>(OCIIMG_STATUS_OK);
                    if (digest->size() >= cap || digest->find('\0') != std::string::npos)
                        return ociimg_call_fail(c, OCIIMG_STATUS_CALLBACK, 0,
                                                "root_digest is no digest");
                    std::memcpy(buf, digest->c_str(), digest->size() + 1);
                    return static_cast<std::int32_t>(OCIIMG_STATUS_OK);
                });
        });
    }
    static std::int32_t open(loader_base::stream opened, void **stream, ociimg_call *c)
    {
        if (opened == nullptr)
            return ociimg_call_fail(c, OCIIMG_STATUS_NOT_FOUND, 0, nullptr);
        *stream = opened.release();
        return OCIIMG_STATUS_OK;
    }
    static std::int32_t open_root_manifest(void *state, void **stream, ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(
                c, of(state).open_root_manifest(call(c)),
                [&](loader_base::stream opened) { return open(std::move(opened), stream, c); });
        });
    }
    static std::int32_t open_manifest(void *state, const char *digest, void **stream,
                                      ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(
                c, of(state).open_manifest(digest, call(c)),
                [&](loader_base::stream opened) { return open(std::move(opened), stream, c); });
        });
    }
    static std::int32_t open_blob(void *state, const char *digest, void **stream,
                                  ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(
                c, of(state).open_blob(digest, call(c)),
                [&](loader_base::stream opened) { return open(std::move(opened), stream, c); });
        });
    }
    static std::int32_t read(void *, void *stream, std::uint8_t *buf, std::size_t cap,
                             std::size_t *n, ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            auto &opened = *static_cast<stream_base *>(stream);
            return take_result(c, opened.read(buf, cap, call(c)), [&](std::size_t got) {
                *n = got;
                return static_cast<std::int32_t>(OCIIMG_STATUS_OK);
            });
        });
    }
    static void close(void *, void *stream) noexcept { delete static_cast<stream_base *>(stream); }
    static void destroy(void *state) noexcept { delete static_cast<loader_base *>(state); }
};

} // namespace detail

/** Where images come from. */
class loader : public detail::handle<ociimg_loader, ociimg_loader_free> {
  public:
    using handle::handle;

    /** A loader of the program's own: destroyed when nothing needs it any more. */
    static returns<loader> make(std::unique_ptr<loader_base> own)
    {
        using callbacks = detail::loader_callbacks;
        ociimg_loader_vtable vtable = {};
        vtable.struct_size = sizeof vtable;
        vtable.root_digest = callbacks::root_digest;
        vtable.open_root_manifest = callbacks::open_root_manifest;
        vtable.open_manifest = callbacks::open_manifest;
        vtable.open_blob = callbacks::open_blob;
        vtable.read = callbacks::read;
        vtable.close = callbacks::close;
        vtable.destroy = callbacks::destroy;
        return detail::make<loader, ociimg_loader *>([&](ociimg_loader **out, ociimg_error **err) {
            const ociimg_status s =
                ociimg_loader_new(own != nullptr ? &vtable : nullptr, own.get(), out, err);
            /* Owned by the library on success only. */
            if (s == OCIIMG_STATUS_OK)
                static_cast<void>(own.release());
            return s;
        });
    }
    /** Opens a layout folder or an archive file, whichever is at the path. */
    static returns<loader> open(const text &path, const source_options &opts = {},
                                context_ref ctx = {})
    {
        return open_with(ociimg_loader_open, path, opts, ctx);
    }
    static returns<loader> open_layout(const text &path, const source_options &opts = {},
                                       context_ref ctx = {})
    {
        return open_with(ociimg_loader_open_layout, path, opts, ctx);
    }
    static returns<loader> open_archive(const text &path, const source_options &opts = {},
                                        context_ref ctx = {})
    {
        return open_with(ociimg_loader_open_archive, path, opts, ctx);
    }

  private:
    static returns<loader> open_with(decltype(ociimg_loader_open) *function, const text &path,
                                     const source_options &opts, context_ref ctx)
    {
        return detail::make<loader, ociimg_loader *>([&](ociimg_loader **out, ociimg_error **err) {
            return function(path.c_str(), &opts, ctx.get(), out, err);
        });
    }
};

/* ---- layers, configs, manifests --------------------------------------------------------- */

class layer : public detail::handle<ociimg_layer, ociimg_layer_free> {
  public:
    using handle::handle;

    /** Makes a layer with a known descriptor and diff ID, read from a loader when it is opened. */
    static returns<layer> make(const descriptor &d, const text &diff_id, const loader &from)
    {
        return detail::make<layer, ociimg_layer *>([&](ociimg_layer **out, ociimg_error **err) {
            return ociimg_layer_new(d.get(), diff_id.c_str(), from.get(), out, err);
        });
    }
    /** Makes a layer from a file. A tar archive is compressed; a compressed file is not copied,
        and must stay unchanged while the layer is used. */
    static returns<layer> from_file(const text &path, const layer_options &opts = {},
                                    context_ref ctx = {})
    {
        return detail::make<layer, ociimg_layer *>([&](ociimg_layer **out, ociimg_error **err) {
            return ociimg_layer_from_file(path.c_str(), &opts, ctx.get(), out, err);
        });
    }

    ociimg::descriptor descriptor() const
    {
        return ociimg::descriptor(ociimg_layer_descriptor(get()));
    }
    std::string_view oci_media_type() const noexcept
    {
        return detail::view(ociimg_layer_oci_media_type(get()));
    }
    std::string_view digest() const noexcept { return detail::view(ociimg_layer_digest(get())); }
    std::uint64_t size() const noexcept { return ociimg_layer_size(get()); }
    std::string_view diff_id() const noexcept { return detail::view(ociimg_layer_diff_id(get())); }
    std::string_view chain_id() const noexcept
    {
        return detail::view(ociimg_layer_chain_id(get()));
    }

    returns<reader> open(read_mode mode = read_mode::uncompressed, const reader_options &opts = {},
                         context_ref ctx = {}) const
    {
        return detail::make<reader, ociimg_reader *>([&](ociimg_reader **out, ociimg_error **err) {
            return ociimg_layer_open(get(), static_cast<ociimg_read_mode>(mode), &opts, ctx.get(),
                                     out, err);
        });
    }
};

/** A step of a config's history; keeps the config alive. */
class history_step {
  public:
    history_step(std::shared_ptr<const ociimg_config> of, std::size_t i) noexcept
        : config_(std::move(of)), i_(i)
    {
    }
    std::string_view created() const noexcept
    {
        return detail::view(ociimg_config_history_created(config_.get(), i_));
    }
    std::string_view created_by() const noexcept
    {
        return detail::view(ociimg_config_history_created_by(config_.get(), i_));
    }
    std::string_view author() const noexcept
    {
        return detail::view(ociimg_config_history_author(config_.get(), i_));
    }
    std::string_view comment() const noexcept
    {
        return detail::view(ociimg_config_history_comment(config_.get(), i_));
    }
    bool is_empty_layer() const noexcept
    {
        return ociimg_config_history_empty_layer(config_.get(), i_) != 0;
    }
    /** The place of the layer that the step made. */
    std::optional<std::size_t> layer() const noexcept
    {
        std::size_t place = 0;
        if (ociimg_config_history_layer(config_.get(), i_, &place) == 0)
            return std::nullopt;
        return place;
    }

  private:
    std::shared_ptr<const ociimg_config> config_;
    std::size_t i_;
};

class config : public detail::handle<ociimg_config, ociimg_config_free> {
  public:
    using handle::handle;

    std::string_view created() const noexcept { return detail::view(ociimg_config_created(get())); }
    std::string_view author() const noexcept { return detail::view(ociimg_config_author(get())); }
    std::string_view user() const noexcept { return detail::view(ociimg_config_user(get())); }
    std::string_view working_dir() const noexcept
    {
        return detail::view(ociimg_config_working_dir(get()));
    }
    std::string_view stop_signal() const noexcept
    {
        return detail::view(ociimg_config_stop_signal(get()));
    }
    auto env() const
    {
        return detail::texts<ociimg_config>(shared(), ociimg_config_env_count,
                                            ociimg_config_env_at);
    }
    auto entrypoint() const
    {
        return detail::texts<ociimg_config>(shared(), ociimg_config_entrypoint_count,
                                            ociimg_config_entrypoint_at);
    }
    auto cmd() const
    {
        return detail::texts<ociimg_config>(shared(), ociimg_config_cmd_count,
                                            ociimg_config_cmd_at);
    }
    auto exposed_ports() const
    {
        return detail::texts<ociimg_config>(shared(), ociimg_config_exposed_port_count,
                                            ociimg_config_exposed_port_at);
    }
    auto volumes() const
    {
        return detail::texts<ociimg_config>(shared(), ociimg_config_volume_count,
                                            ociimg_config_volume_at);
    }
    auto labels() const
    {
        return detail::pairs<ociimg_config>(shared(), ociimg_config_label_count,
                                            ociimg_config_label_at);
    }
    std::optional<std::string_view> label(const text &key) const noexcept
    {
        return detail::optional_view(ociimg_config_label(get(), key.c_str()));
    }
    auto history() const
    {
        return detail::sequence(ociimg_config_history_count(get()),
                                [of = shared()](std::size_t i) { return history_step(of, i); });
    }
    /** The config's own. */
    std::optional<ociimg::platform> platform() const
    {
        return detail::optional_handle<ociimg::platform>(ociimg_config_platform(get()));
    }
    /** What a JSON pointer ("/config/Healthcheck") leads to, as written. */
    std::optional<std::string_view> json_at(const text &pointer) const noexcept
    {
        std::size_t size = 0;
        const std::uint8_t *json = ociimg_config_json_at(get(), pointer.c_str(), &size);
        return json != nullptr ? std::optional<std::string_view>(detail::view(json, size))
                               : std::nullopt;
    }
};

/** Any manifest as it is: of images, artifacts and attestations. */
class manifest : public detail::handle<ociimg_manifest, ociimg_manifest_free> {
  public:
    using handle::handle;

    std::string_view digest() const noexcept { return detail::view(ociimg_manifest_digest(get())); }
    std::string_view media_type() const noexcept
    {
        return detail::view(ociimg_manifest_media_type(get()));
    }
    std::string_view artifact_type() const noexcept
    {
        return detail::view(ociimg_manifest_artifact_type(get()));
    }
    descriptor config() const { return descriptor(ociimg_manifest_config(get())); }
    std::optional<descriptor> subject() const
    {
        return detail::optional_handle<descriptor>(ociimg_manifest_subject(get()));
    }
    auto layers() const
    {
        return detail::handles<descriptor, ociimg_manifest>(shared(), ociimg_manifest_layer_count,
                                                            ociimg_manifest_layer);
    }
    auto annotations() const
    {
        return detail::pairs<ociimg_manifest>(shared(), ociimg_manifest_annotation_count,
                                              ociimg_manifest_annotation_at);
    }
    std::optional<std::string_view> annotation(const text &key) const noexcept
    {
        return detail::optional_view(ociimg_manifest_annotation(get(), key.c_str()));
    }
    std::string_view json() const noexcept
    {
        return detail::bytes<ociimg_manifest>(get(), ociimg_manifest_json);
    }
};

/* ---- images ----------------------------------------------------------------------------- */

enum class format : std::int32_t { oci = OCIIMG_FORMAT_OCI, docker = OCIIMG_FORMAT_DOCKER };

/** An image: manifest, config and layers. Setters change it, and nullptr removes. */
class image : public detail::handle<ociimg_image, ociimg_image_free> {
  public:
    using handle::handle;

    /** An image without layers. */
    static returns<image> make(format f, const platform &p)
    {
        return detail::make<image, ociimg_image *>([&](ociimg_image **out, ociimg_error **err) {
            return ociimg_image_new(static_cast<ociimg_format>(f), p.get(), out, err);
        });
    }
    /** An independent copy. */
    image clone() const { return image(ociimg_image_clone(get())); }

    std::optional<ociimg::platform> platform() const
    {
        return detail::optional_handle<ociimg::platform>(ociimg_image_platform(get()));
    }
    auto layers() const
    {
        return detail::handles<layer, ociimg_image>(shared(), ociimg_image_layer_count,
                                                    ociimg_image_layer);
    }
    auto annotations() const
    {
        return detail::pairs<ociimg_image>(shared(), ociimg_image_annotation_count,
                                           ociimg_image_annotation_at);
    }
    std::optional<std::string_view> annotation(const text &key) const noexcept
    {
        return detail::optional_view(ociimg_image_annotation(get(), key.c_str()));
    }
    ociimg::config config() const { return ociimg::config(ociimg_image_config(get())); }
    ociimg::manifest manifest() const { return ociimg::manifest(ociimg_image_manifest(get())); }
    std::string_view manifest_json() const noexcept
    {
        return detail::bytes<ociimg_image>(get(), ociimg_image_manifest_json);
    }
    std::string_view config_json() const noexcept
    {
        return detail::bytes<ociimg_image>(get(), ociimg_image_config_json);
    }
    std::string_view manifest_digest() const noexcept
    {
        return detail::view(ociimg_image_manifest_digest(get()));
    }
    std::string_view config_digest() const noexcept
    {
        return detail::view(ociimg_image_config_digest(get()));
    }

    returns<void> append_layer(const layer &l, const append_options &opts = {})
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_append_layer(get(), l.get(), &opts, err);
        });
    }
    returns<void> replace_layer(std::size_t i, const layer &l)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_image_replace_layer(get(), i, l.get(), err); });
    }
    returns<void> remove_layer(std::size_t i)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_image_remove_layer(get(), i, err); });
    }
    /** Adds a step of history that made no layer. */
    returns<void> add_history(const append_options &step)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_image_add_history(get(), &step, err); });
    }
    returns<void> set_platform(const ociimg::platform &p)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_image_set_platform(get(), p.get(), err); });
    }
    returns<void> set_created(const text &rfc3339)
    {
        return set(ociimg_image_set_created, rfc3339);
    }
    returns<void> set_author(const text &value) { return set(ociimg_image_set_author, value); }
    returns<void> set_user(const text &value) { return set(ociimg_image_set_user, value); }
    returns<void> set_working_dir(const text &value)
    {
        return set(ociimg_image_set_working_dir, value);
    }
    returns<void> set_stop_signal(const text &value)
    {
        return set(ociimg_image_set_stop_signal, value);
    }
    returns<void> set_entrypoint(const std::vector<std::string> &words)
    {
        return set(ociimg_image_set_entrypoint, words);
    }
    returns<void> remove_entrypoint() { return remove(ociimg_image_set_entrypoint); }
    returns<void> set_cmd(const std::vector<std::string> &words)
    {
        return set(ociimg_image_set_cmd, words);
    }
    returns<void> remove_cmd() { return remove(ociimg_image_set_cmd); }
    returns<void> set_env(const text &name, const text &value)
    {
        return set(ociimg_image_set_env, name, value);
    }
    returns<void> set_label(const text &key, const text &value)
    {
        return set(ociimg_image_set_label, key, value);
    }
    returns<void> set_annotation(const text &key, const text &value)
    {
        return set(ociimg_image_set_annotation, key, value);
    }
    returns<void> set_exposed_port(const text &port, bool present = true)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_set_exposed_port(get(), port.c_str(), present, err);
        });
    }
    returns<void> set_volume(const text &path, bool present = true)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_set_volume(get(), path.c_str(), present, err);
        });
    }
    /** Sets one member of the config's "config" object; std::nullopt removes it. */
    returns<void> set_config_member(const text &name, std::optional<std::string_view> json)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_set_config_member(
                get(), name.c_str(), json ? bytes(*json) : nullptr, json ? json->size() : 0, err);
        });
    }
    returns<void> set_config_json(std::string_view json)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_set_config_json(get(), bytes(json), json.size(), err);
        });
    }
    returns<void> convert(format f)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_convert(get(), static_cast<ociimg_format>(f), err);
        });
    }

  private:
    using words_setter = ociimg_status(ociimg_image *, const char *const *, std::size_t,
                                       ociimg_error **);

    /* Present but empty is a pointer. */
    static const std::uint8_t *bytes(std::string_view s) noexcept
    {
        return reinterpret_cast<const std::uint8_t *>(s.data() != nullptr ? s.data() : "");
    }
    returns<void> set(ociimg_status (*setter)(ociimg_image *, const char *, ociimg_error **),
                      const text &value)
    {
        return detail::check([&](ociimg_error **err) { return setter(get(), value.c_str(), err); });
    }
    returns<void> set(ociimg_status (*setter)(ociimg_image *, const char *, const char *,
                                              ociimg_error **),
                      const text &key, const text &value)
    {
        return detail::check(
            [&](ociimg_error **err) { return setter(get(), key.c_str(), value.c_str(), err); });
    }
    returns<void> set(words_setter *setter, const std::vector<std::string> &words)
    {
        std::vector<const char *> pointers;
        for (const std::string &word : words)
            pointers.push_back(text(word).c_str());
        pointers.push_back(nullptr); /* so that an empty list has a pointer */
        return detail::check(
            [&](ociimg_error **err) { return setter(get(), pointers.data(), words.size(), err); });
    }
    returns<void> remove(words_setter *setter)
    {
        return detail::check([&](ociimg_error **err) { return setter(get(), nullptr, 0, err); });
    }
};

/* ---- indexes ---------------------------------------------------------------------------- */

enum class entry_kind : std::int32_t {
    none = OCIIMG_ENTRY_KIND_NONE,
    image = OCIIMG_ENTRY_KIND_IMAGE,
    attestation = OCIIMG_ENTRY_KIND_ATTESTATION,
    artifact = OCIIMG_ENTRY_KIND_ARTIFACT,
    unknown = OCIIMG_ENTRY_KIND_UNKNOWN,
    broken = OCIIMG_ENTRY_KIND_BROKEN
};

/** "IMAGE"; "UNKNOWN" for an unknown number. */
inline std::string_view name(entry_kind kind) noexcept
{
    return ociimg_entry_kind_name(static_cast<ociimg_entry_kind>(kind));
}

/** An entry of an index; keeps the index alive. */
class entry {
  public:
    entry(std::shared_ptr<const ociimg_index> of, std::size_t i) noexcept
        : index_(std::move(of)), i_(i)
    {
    }

    std::size_t place() const noexcept { return i_; }
    entry_kind kind() const noexcept
    {
        return static_cast<entry_kind>(ociimg_index_entry_kind(index_.get(), i_));
    }
    std::string_view name() const noexcept
    {
        return detail::view(ociimg_index_entry_name(index_.get(), i_));
    }
    std::optional<ociimg::platform> platform() const
    {
        return detail::optional_handle<ociimg::platform>(
            ociimg_index_entry_platform(index_.get(), i_));
    }
    /** Absent where the descriptor of a broken entry could not be read. */
    std::optional<ociimg::descriptor> descriptor() const
    {
        return detail::optional_handle<ociimg::descriptor>(
            ociimg_index_entry_descriptor(index_.get(), i_));
    }
    /** Why the entry is broken. */
    std::optional<ociimg::error> error() const
    {
        return detail::optional_handle<ociimg::error>(ociimg_index_entry_error(index_.get(), i_));
    }
    returns<ociimg::image> image(context_ref ctx = {}) const
    {
        return detail::make<ociimg::image, ociimg_image *>(
            [&](ociimg_image **out, ociimg_error **err) {
                return ociimg_index_image(index_.get(), i_, ctx.get(), out, err);
            });
    }
    returns<ociimg::manifest> manifest(context_ref ctx = {}) const
    {
        return detail::make<ociimg::manifest, ociimg_manifest *>(
            [&](ociimg_manifest **out, ociimg_error **err) {
                return ociimg_index_manifest(index_.get(), i_, ctx.get(), out, err);
            });
    }

  private:
    std::shared_ptr<const ociimg_index> index_;
    std::size_t i_;
};

class index : public detail::handle<ociimg_index, ociimg_index_free> {
  public:
    using handle::handle;

    static returns<index> load(const loader &from, const load_options &opts = {},
                               context_ref ctx = {})
    {
        return detail::make<index, ociimg_index *>([&](ociimg_index **out, ociimg_error **err) {
            return ociimg_index_load(from.get(), &opts, ctx.get(), out, err);
        });
    }

    auto entries() const
    {
        return detail::sequence(ociimg_index_entry_count(get()),
                                [of = shared()](std::size_t i) { return entry(of, i); });
    }
    /** The images that a machine of this platform can run, best first. */
    returns<index> select(const platform &p) const
    {
        return detail::make<index, ociimg_index *>([&](ociimg_index **out, ociimg_error **err) {
            return ociimg_index_select(get(), p.get(), out, err);
        });
    }
    returns<index> select(const matcher &m) const
    {
        return detail::make<index, ociimg_index *>([&](ociimg_index **out, ociimg_error **err) {
            return ociimg_index_select_with(get(), m.get(), out, err);
        });
    }
    returns<ociimg::image> image(std::size_t i, context_ref ctx = {}) const
    {
        return entry(shared(), i).image(ctx);
    }
    returns<ociimg::manifest> manifest(std::size_t i, context_ref ctx = {}) const
    {
        return entry(shared(), i).manifest(ctx);
    }
    /** The image that a machine of this platform runs. */
    returns<ociimg::image> image_for(const platform &p, context_ref ctx = {}) const
    {
        return image_for(p.get(), ctx);
    }
    /** The image that this machine runs. */
    returns<ociimg::image> image_for_host(context_ref ctx = {}) const
    {
        return image_for(nullptr, ctx);
    }
    /** Any other content of the same source. */
    returns<reader> open_blob(const descriptor_ref &d, read_mode mode = read_mode::stored,
                              const reader_options &opts = {}, context_ref ctx = {}) const
    {
        return detail::make<reader, ociimg_reader *>([&](ociimg_reader **out, ociimg_error **err) {
            return ociimg_index_open_blob(get(), d.get(), static_cast<ociimg_read_mode>(mode),
                                          &opts, ctx.get(), out, err);
        });
    }
    std::string_view root_digest() const noexcept
    {
        return detail::view(ociimg_index_root_digest(get()));
    }
    bool root_is_verified() const noexcept { return ociimg_index_root_is_verified(get()) != 0; }
    std::string_view root_json() const noexcept
    {
        return detail::bytes<ociimg_index>(get(), ociimg_index_root_json);
    }

  private:
    returns<ociimg::image> image_for(const ociimg_platform *p, context_ref ctx) const
    {
        return detail::make<ociimg::image, ociimg_image *>(
            [&](ociimg_image **out, ociimg_error **err) {
                return ociimg_index_image_for(get(), p, ctx.get(), out, err);
            });
    }
};

/** Makes an index from images, or from another index. */
class index_builder : public detail::handle<ociimg_index_builder, ociimg_index_builder_free> {
  public:
    using handle::handle;

    static returns<index_builder> make(format f)
    {
        return detail::make<index_builder, ociimg_index_builder *>(
            [&](ociimg_index_builder **out, ociimg_error **err) {
                return ociimg_index_builder_new(static_cast<ociimg_format>(f), out, err);
            });
    }
    /** A builder with the entries of the index's root, as written. */
    static returns<index_builder> from(const index &i)
    {
        return detail::make<index_builder, ociimg_index_builder *>(
            [&](ociimg_index_builder **out, ociimg_error **err) {
                return ociimg_index_builder_from(i.get(), out, err);
            });
    }

    auto descriptors() const
    {
        return detail::handles<descriptor, ociimg_index_builder>(
            shared(), ociimg_index_builder_count, ociimg_index_builder_descriptor);
    }
    /** Adds the image as it is now, under its own platform or this one. */
    returns<void> add_image(const image &i, const platform *p = nullptr)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_builder_add_image(get(), i.get(), p != nullptr ? p->get() : nullptr,
                                                  err);
        });
    }
    returns<void> add_index(const index &nested)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_builder_add_index(get(), nested.get(), err);
        });
    }
    returns<void> replace_image(std::size_t i, const image &by)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_builder_replace_image(get(), i, by.get(), err);
        });
    }
    returns<void> remove(std::size_t i)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_index_builder_remove(get(), i, err); });
    }
    returns<void> keep(const matcher &m)
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_index_builder_keep(get(), m.get(), err); });
    }
    returns<void> set_annotation(const text &key, const text &value)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_builder_set_annotation(get(), key.c_str(), value.c_str(), err);
        });
    }
    returns<void> set_entry_annotation(std::size_t i, const text &key, const text &value)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_builder_set_entry_annotation(get(), i, key.c_str(), value.c_str(),
                                                             err);
        });
    }
    returns<index> finish(context_ref ctx = {}) const
    {
        return detail::make<index, ociimg_index *>([&](ociimg_index **out, ociimg_error **err) {
            return ociimg_index_builder_finish(get(), ctx.get(), out, err);
        });
    }
};

/** Makes a layer from a tar stream that is written to it. */
class layer_writer : public detail::handle<ociimg_layer_writer, ociimg_layer_writer_free> {
  public:
    using handle::handle;

    static returns<layer_writer> make(const layer_options &opts = {}, context_ref ctx = {})
    {
        return detail::make<layer_writer, ociimg_layer_writer *>(
            [&](ociimg_layer_writer **out, ociimg_error **err) {
                return ociimg_layer_writer_new(&opts, ctx.get(), out, err);
            });
    }
    returns<void> write(const void *bytes, std::size_t size)
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_layer_writer_write(get(), static_cast<const std::uint8_t *>(bytes), size,
                                             err);
        });
    }
    returns<void> write(std::string_view bytes) { return write(bytes.data(), bytes.size()); }
    /** Ends the stream and returns the layer; once. */
    returns<layer> finish()
    {
        return detail::make<layer, ociimg_layer *>([&](ociimg_layer **out, ociimg_error **err) {
            return ociimg_layer_writer_finish(get(), out, err);
        });
    }
};

/* ---- sinks ------------------------------------------------------------------------------ */

/** A blob that is written to a sink. The destructor ends it: without commit() before, nothing
    may become visible. */
class blob_writer_base {
  public:
    virtual ~blob_writer_base() = default;
    /** Writes all bytes, or fails. An ociimg::error of status restart asks for the blob again. */
    virtual returns<void> write(const std::uint8_t *bytes, std::size_t size, const call &c) = 0;
    /** Makes the blob visible: its size and digest were right. */
    virtual returns<void> commit(const call &c) = 0;
};

/** A sink of the program's own; the rules of loader_base apply. An ociimg::error of status
    invalid_argument, limit_exceeded, exists, restart or conflict keeps its meaning, too.
    Descriptors, JSON and names are valid until the function returns. */
class sink_base {
  public:
    using blob_writer = std::unique_ptr<blob_writer_base>;

    virtual ~sink_base() = default;
    /** The number of blobs that may be open at once; 0 is any number. */
    virtual std::uint32_t max_streams() const noexcept { return 0; }
    /** Whether the complete blob is there: then its source is not read. */
    virtual returns<bool> has_blob(const descriptor_ref &, const call &) { return false; }
    /** Begins a blob; nullptr means that it is there already. `offset` is 0 on entry: set it to
        the number of bytes that are there from an earlier attempt. */
    virtual returns<blob_writer> begin_blob(const descriptor_ref &d, std::uint64_t &offset,
                                            const call &c) = 0;
    /** Stores a manifest or index below a root, after everything that it names. */
    virtual returns<void> put_manifest(const descriptor_ref &d, std::string_view json,
                                       const call &c) = 0;
    /** Stores a root, after everything else, once for each name. An existing name is replaced. */
    virtual returns<void> put_root(const descriptor_ref &d, std::string_view json,
                                   std::optional<std::string_view> name, const call &c) = 0;
    /** Called once, by ociimg::sink::finish. */
    virtual returns<void> finish(const call &) { return returns<void>(); }
};

/** Receives the bytes of an archive, in order: for pipes, sockets and other streams. */
class archive_output_base {
  public:
    virtual ~archive_output_base() = default;
    /** Writes all bytes, or fails. */
    virtual returns<void> write(const std::uint8_t *bytes, std::size_t size, const call &c) = 0;
};

/** Writes to a std::ostream, which must outlive the sink. */
class ostream_output : public archive_output_base {
  public:
    explicit ostream_output(std::ostream &out) noexcept : out_(out) {}

    returns<void> write(const std::uint8_t *bytes, std::size_t size, const call &) override
    {
        if (out_.write(reinterpret_cast<const char *>(bytes), static_cast<std::streamsize>(size)))
            return returns<void>();
#ifdef OCIIMG_NO_EXCEPTIONS
        return error(status::io, "the std::ostream failed");
#else
        throw error(status::io, "the std::ostream failed");
#endif
    }

  private:
    std::ostream &out_;
};

namespace detail {

struct sink_callbacks {
    static sink_base &of(void *state) { return *static_cast<sink_base *>(state); }

    /* Runs a virtual function without a value. */
    template <class F> static std::int32_t run(ociimg_call *c, F function) noexcept
    {
        return run_callback(c, [&]() -> std::int32_t {
#ifdef OCIIMG_NO_EXCEPTIONS
            const result<void> done = function();
            if (!done)
                return fail_callback(c, done.error());
#else
      function();
#endif
            return OCIIMG_STATUS_OK;
        });
    }
    static std::int32_t has_blob(void *state, const ociimg_descriptor *d, ociimg_bool *present,
                                 ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(c, of(state).has_blob(descriptor_ref(d), call(c)),
                               [&](bool is_there) {
                                   *present = is_there ? 1 : 0;
                                   return static_cast<std::int32_t>(OCIIMG_STATUS_OK);
                               });
        });
    }
    static std::int32_t begin_blob(void *state, const ociimg_descriptor *d, void **stream,
                                   std::uint64_t *offset, ociimg_call *c) noexcept
    {
        return run_callback(c, [&] {
            return take_result(c, of(state).begin_blob(descriptor_ref(d), *offset, call(c)),
                               [&](sink_base::blob_writer opened) -> std::int32_t {
                                   if (opened == nullptr)
                                       return OCIIMG_STATUS_EXISTS;
                                   *stream = opened.release();
                                   return OCIIMG_STATUS_OK;
                               });
        });
    }
    static std::int32_t write(void *, void *stream, const std::uint8_t *buf, std::size_t len,
                              ociimg_call *c) noexcept
    {
        return run(
            c, [&] { return static_cast<blob_writer_base *>(stream)->write(buf, len, call(c)); });
    }
    static std::int32_t commit_blob(void *, void *stream, ociimg_call *c) noexcept
    {
        /* Ends the stream, whatever it returns. */
        const sink_base::blob_writer writer(static_cast<blob_writer_base *>(stream));
        return run(c, [&] { return writer->commit(call(c)); });
    }
    static void abort_blob(void *, void *stream) noexcept
    {
        delete static_cast<blob_writer_base *>(stream);
    }
    static std::int32_t put_manifest(void *state, const ociimg_descriptor *d,
                                     const std::uint8_t *buf, std::size_t len,
                                     ociimg_call *c) noexcept
    {
        return run(
            c, [&] { return of(state).put_manifest(descriptor_ref(d), view(buf, len), call(c)); });
    }
    static std::int32_t put_root(void *state, const ociimg_descriptor *d, const std::uint8_t *buf,
                                 std::size_t len, const char *name, ociimg_call *c) noexcept
    {
        return run(c, [&] {
            return of(state).put_root(descriptor_ref(d), view(buf, len), optional_view(name),
                                      call(c));
        });
    }
    static std::int32_t finish(void *state, ociimg_call *c) noexcept
    {
        return run(c, [&] { return of(state).finish(call(c)); });
    }
    static void destroy(void *state) noexcept
    {
        delete static_cast<sink_base *>(state);
    }
    static std::int32_t write_archive(void *state, const std::uint8_t *buf, std::size_t len,
                                      ociimg_call *c) noexcept
    {
        return run(
            c, [&] { return static_cast<archive_output_base *>(state)->write(buf, len, call(c)); });
    }
    static void destroy_output(void *state) noexcept
    {
        delete static_cast<archive_output_base *>(state);
    }
};

} // namespace detail

/** Where images go. */
class sink : public detail::handle<ociimg_sink, ociimg_sink_free> {
  public:
    using handle::handle;

    /** A sink of the program's own: destroyed when nothing needs it any more. */
    static returns<sink> make(std::unique_ptr<sink_base> own)
    {
        using callbacks = detail::sink_callbacks;
        ociimg_sink_vtable vtable = {};
        vtable.struct_size = sizeof vtable;
        vtable.max_streams = own != nullptr ? own->max_streams() : 0;
        vtable.has_blob = callbacks::has_blob;
        vtable.begin_blob = callbacks::begin_blob;
        vtable.write = callbacks::write;
        vtable.commit_blob = callbacks::commit_blob;
        vtable.abort_blob = callbacks::abort_blob;
        vtable.put_manifest = callbacks::put_manifest;
        vtable.put_root = callbacks::put_root;
        vtable.finish = callbacks::finish;
        vtable.destroy = callbacks::destroy;
        return detail::make<sink, ociimg_sink *>([&](ociimg_sink **out, ociimg_error **err) {
            const ociimg_status s =
                ociimg_sink_new(own != nullptr ? &vtable : nullptr, own.get(), out, err);
            /* Owned by the library on success only. */
            if (s == OCIIMG_STATUS_OK)
                static_cast<void>(own.release());
            return s;
        });
    }
    /** Opens a layout folder, created if absent. */
    static returns<sink> open_layout(const text &path, const sink_options &opts = {})
    {
        return detail::make<sink, ociimg_sink *>([&](ociimg_sink **out, ociimg_error **err) {
            return ociimg_sink_open_layout(path.c_str(), &opts, out, err);
        });
    }
    /** Opens an archive file, which appears at its path when finish() succeeds. */
    static returns<sink> open_archive(const text &path, const sink_options &opts = {})
    {
        return detail::make<sink, ociimg_sink *>([&](ociimg_sink **out, ociimg_error **err) {
            return ociimg_sink_open_archive(path.c_str(), &opts, out, err);
        });
    }
    /** Writes an archive to an output of the program's own, which is destroyed when nothing needs
        it any more. */
    static returns<sink> open_archive_stream(std::unique_ptr<archive_output_base> own,
                                             const sink_options &opts = {})
    {
        using callbacks = detail::sink_callbacks;
        return detail::make<sink, ociimg_sink *>([&](ociimg_sink **out, ociimg_error **err) {
            const ociimg_status s = ociimg_sink_open_archive_stream(
                own != nullptr ? callbacks::write_archive : nullptr, callbacks::destroy_output,
                own.get(), &opts, out, err);
            /* Owned by the library on success only. */
            if (s == OCIIMG_STATUS_OK)
                static_cast<void>(own.release());
            return s;
        });
    }
    /** Writes an archive to a std::ostream, which must outlive the sink and its copies. */
    static returns<sink> open_archive_stream(std::ostream &to, const sink_options &opts = {})
    {
        return open_archive_stream(std::make_unique<ostream_output>(to), opts);
    }

    /** Completes the sink, once, after all copies to it. */
    returns<void> finish(context_ref ctx = {})
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_sink_finish(get(), ctx.get(), err); });
    }
    /** Copies an index with everything below it, and puts its root under a name. */
    returns<void> write(const index &i, const text &name = nullptr, context_ref ctx = {}) const
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_index_write(i.get(), get(), name.c_str(), ctx.get(), err);
        });
    }
    returns<void> write(const image &i, const text &name = nullptr, context_ref ctx = {}) const
    {
        return detail::check([&](ociimg_error **err) {
            return ociimg_image_write(i.get(), get(), name.c_str(), ctx.get(), err);
        });
    }
};

/** A copy into a sink. run() may be called on any number of threads: each works until everything
    is copied. */
class copy : public detail::handle<ociimg_copy, ociimg_copy_free> {
  public:
    using handle::handle;

    static returns<copy> make(const index &from, const sink &to, const copy_options &opts = {})
    {
        return detail::make<copy, ociimg_copy *>([&](ociimg_copy **out, ociimg_error **err) {
            return ociimg_copy_new(from.get(), to.get(), &opts, out, err);
        });
    }
    static returns<copy> make(const image &from, const sink &to, const copy_options &opts = {})
    {
        return detail::make<copy, ociimg_copy *>([&](ociimg_copy **out, ociimg_error **err) {
            return ociimg_copy_new_image(from.get(), to.get(), &opts, out, err);
        });
    }
    returns<void> run(context_ref ctx = {}) const
    {
        return detail::check(
            [&](ociimg_error **err) { return ociimg_copy_run(get(), ctx.get(), err); });
    }
};

} // namespace ociimg

#endif
