// ociimg.hpp with exceptions. The argument is a layout folder.

#include "check.hpp"

#include <sstream>
#include <stdexcept>
#include <thread>

namespace {

/// The exception of the program's own callbacks.
struct trouble : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Fails after some bytes.
class breaking_stream : public ociimg::stream_base {
  public:
    std::size_t read(std::uint8_t *buf, std::size_t, const ociimg::call &) override
    {
        if (given_)
            throw trouble("the cable is cut");
        given_ = true;
        buf[0] = 0;
        return 1;
    }

  private:
    bool given_ = false;
};

enum class mode { good, throws_at_blobs, breaks_blobs, lacks_blobs, throws_junk, alters_blobs };

/// A layout read by the program itself.
class own_loader : public ociimg::loader_base {
  public:
    own_loader(std::string layout, mode m, int &alive)
        : layout_(std::move(layout)), mode_(m), alive_(alive)
    {
        ++alive_;
    }
    ~own_loader() override { --alive_; }

    stream open_root_manifest(const ociimg::call &) override
    {
        return file(layout_ + "/index.json");
    }
    stream open_manifest(std::string_view digest, const ociimg::call &) override
    {
        return file(blob_path(layout_, digest));
    }
    stream open_blob(std::string_view digest, const ociimg::call &c) override
    {
        CHECK(!c.is_cancelled());
        switch (mode_) {
        case mode::good:
            break;
        case mode::throws_at_blobs:
            throw trouble("no blobs today");
        case mode::breaks_blobs:
            return std::make_unique<breaking_stream>();
        case mode::lacks_blobs:
            throw ociimg::error(ociimg::status::not_found, "gone\nfor good", 404);
        case mode::throws_junk:
            throw 42;
        case mode::alters_blobs: {
            std::string bytes = *read_file(blob_path(layout_, digest));
            bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
            return std::make_unique<ociimg::memory_stream>(std::move(bytes));
        }
        }
        return file(blob_path(layout_, digest));
    }

  private:
    static stream file(const std::string &path)
    {
        std::optional<std::string> bytes = read_file(path);
        if (!bytes)
            return nullptr;
        return std::make_unique<ociimg::memory_stream>(std::move(*bytes));
    }

    std::string layout_;
    mode mode_;
    int &alive_;
};

/// The error of a call that must fail.
template <class E = ociimg::error, class F> E thrown(F function)
{
    try {
        function();
    } catch (const E &e) {
        return e;
    }
    std::fprintf(stderr, "nothing was thrown\n");
    std::exit(1);
}

std::string all_of(ociimg::reader r)
{
    std::string all;
    char buf[1000];
    while (const std::size_t n = r.read(buf, sizeof buf))
        all.append(buf, n);
    CHECK(r.is_verified());
    return all;
}

/// Any image of the index with layers.
ociimg::image some_image(const ociimg::index &index)
{
    for (const ociimg::entry &entry : index.entries())
        if (entry.kind() == ociimg::entry_kind::image) {
            ociimg::image image = entry.image();
            if (!image.layers().empty())
                return image;
        }
    std::fprintf(stderr, "the sample has no image\n");
    std::exit(1);
}

void platforms()
{
    using ociimg::matcher;
    using ociimg::platform;
    const platform p = platform::parse("windows(10.0.17763+win32k)/amd64");
    CHECK(p.os() == "windows" && p.architecture() == "amd64" && p.os_version() == "10.0.17763");
    CHECK(p.variant().data() == nullptr);
    CHECK(p.os_features().size() == 1 && p.os_features()[0] == "win32k");
    CHECK(p.format() == "windows/amd64");
    CHECK(p.format_all() == "windows(10.0.17763+win32k)/amd64");
    CHECK(platform::make("linux", "x86_64").normalize().architecture() == "amd64");
    CHECK(platform::make("a", "b", "", nullptr, {"x", ""}).os_features().size() == 2);
    CHECK(!platform::host().os().empty());

    const ociimg::error e = thrown([] { platform::parse("linux/*"); });
    CHECK(e.status() == ociimg::status::invalid_argument);
    CHECK(name(e.status()) == "INVALID_ARGUMENT");
    CHECK(e.message().find("wildcard") != std::string_view::npos && e.digest().empty());
    CHECK(e.callback_code() == 0 && e.system_error() == 0);

    const platform amd64 = platform::parse("linux/amd64"), arm64 = platform::parse("linux/arm64");
    const platform i386 = platform::parse("linux/386");
    CHECK(matcher::only(amd64).match(i386) && !matcher::only_strict(amd64).match(i386));
    CHECK(matcher::ordered({&arm64, &amd64}).less(arm64, amd64));
    CHECK(matcher::any({&arm64}).match(arm64) && matcher::all().match(i386));
    CHECK(!matcher::any({&arm64, nullptr}));
    CHECK(matcher::default_for(&amd64).less(amd64, i386));
}

void errors()
{
    const ociimg::error own(ociimg::status::conflict, "two\nlines", -7);
    const ociimg::error copy = own;
    CHECK(copy.status() == ociimg::status::conflict && copy.callback_code() == -7);
    CHECK(copy.message() == "two\\nlines" && copy.get() == own.get());
    const ociimg::error missing = thrown([] { ociimg::loader::open("/no/such/place"); });
    CHECK(missing.status() == ociimg::status::not_found && missing.system_error() != 0);
    /* C would see "/" alone. */
    thrown([] { ociimg::loader::open(std::string("/\0x", 3)); });
}

void a_layout(const std::string &path)
{
    ociimg::loader loader = ociimg::loader::open(path);
    const ociimg::index index = ociimg::index::load(loader);
    loader = ociimg::loader();
    CHECK(!index.entries().empty() && index.root_json() == *read_file(path + "/index.json"));
    CHECK(index.root_digest().substr(0, 7) == "sha256:" && !index.root_is_verified());

    std::size_t images = 0;
    for (const ociimg::entry &entry : index.entries()) {
        CHECK(entry.descriptor()->size() > 0 && !entry.error());
        if (entry.kind() != ociimg::entry_kind::image)
            continue;
        ++images;
        CHECK(entry.platform() && index.select(*entry.platform()).entries().size() > 0);
        const ociimg::image image = entry.image();
        CHECK(image.manifest_digest() == entry.descriptor()->digest());
        CHECK(image.manifest_json() == *read_file(blob_path(path, image.manifest_digest())));
        CHECK(image.config_json() == *read_file(blob_path(path, image.config_digest())));
        const ociimg::config config = image.config();
        for (std::string_view variable : config.env())
            CHECK(variable.find('=') != std::string_view::npos);
        for (const auto &[key, value] : config.labels())
            CHECK(config.label(std::string(key)) == value);
        CHECK(!config.label("no such label"));
        std::size_t steps = 0;
        for (const ociimg::history_step &step : config.history())
            steps += !step.is_empty_layer();
        CHECK(config.history().empty() || steps == image.layers().size());
        for (const ociimg::layer &layer : image.layers()) {
            CHECK(all_of(layer.open(ociimg::read_mode::stored)) ==
                  *read_file(blob_path(path, layer.digest())));
            const std::string tar = all_of(layer.open());
            ociimg::reader_istream stream(layer.open());
            std::ostringstream copied;
            copied << stream.rdbuf();
            CHECK(copied.str() == tar && stream.is_verified() && !stream.failure());

            /* As tar readers do, which stop before the end. */
            ociimg::reader_istream some(layer.open());
            CHECK(some.get() != EOF);
            some.finish();
            CHECK(some.is_verified());
        }
        const ociimg::descriptor d = *entry.descriptor();
        CHECK(all_of(index.open_blob(d)) == image.manifest_json());
    }
    CHECK(images > 0);

    const ociimg::context ctx;
    ctx.clone().cancel();
    CHECK(ctx.is_cancelled());
    const ociimg::layer layer = some_image(index).layers()[0];
    CHECK(thrown([&] { layer.open(ociimg::read_mode::stored, {}, ctx).finish(); }).status() ==
          ociimg::status::cancelled);
}

void an_own_loader(const std::string &path)
{
    int alive = 0;
    const auto load = [&](mode m) {
        return ociimg::index::load(
            ociimg::loader::make(std::make_unique<own_loader>(path, m, alive)));
    };
    {
        const ociimg::index good = load(mode::good);
        const ociimg::layer layer = some_image(good).layers()[0];
        const std::string stored = *read_file(blob_path(path, layer.digest()));
        CHECK(all_of(layer.open(ociimg::read_mode::stored)) == stored);

        /* A config is a blob, so the image cannot be loaded. */
        CHECK(thrown<trouble>([&] { some_image(load(mode::throws_at_blobs)); }).what() ==
              std::string("no blobs today"));
        CHECK(thrown<int>([&] { some_image(load(mode::throws_junk)); }) == 42);
        const ociimg::error gone = thrown([&] { some_image(load(mode::lacks_blobs)); });
        CHECK(gone.status() == ociimg::status::not_found && gone.callback_code() == 404);
        CHECK(gone.message().find("gone\\nfor good") != std::string_view::npos);
        const ociimg::error altered = thrown([&] { some_image(load(mode::alters_blobs)); });
        CHECK(altered.status() == ociimg::status::digest_mismatch);
        CHECK(altered.digest().substr(0, 7) == "sha256:");

        /* In the middle of a stream. */
        const ociimg::index broken = load(mode::breaks_blobs);
        const ociimg::descriptor d = layer.descriptor();
        ociimg::reader reader = broken.open_blob(d);
        thrown<trouble>([&] {
            char buf[100];
            while (reader.read(buf, sizeof buf) > 0) {
            }
        });
        /* It keeps failing after the exception was delivered. */
        CHECK(thrown([&] { reader.finish(); }).status() == ociimg::status::callback);
        ociimg::reader_istream stream(broken.open_blob(d));
        std::string line;
        std::getline(stream, line, '\xff');
        CHECK(stream.bad() && stream.failure() &&
              stream.failure()->status() == ociimg::status::callback);
        ociimg::reader_istream throwing(broken.open_blob(d));
        throwing.exceptions(std::ios::badbit);
        thrown<trouble>([&] { std::getline(throwing, line, '\xff'); });

        /* Two threads have their own. */
        std::thread other(
            [&] { thrown<trouble>([&] { some_image(load(mode::throws_at_blobs)); }); });
        thrown<int>([&] { some_image(load(mode::throws_junk)); });
        other.join();
        CHECK(alive > 0);
    }
    CHECK(alive == 0);
}

} // namespace

int main(int, char **argv)
{
    CHECK(ociimg::version() == OCIIMG_VERSION && ociimg::version_number() == OCIIMG_VERSION_NUMBER);
    platforms();
    errors();
    a_layout(argv[1]);
    an_own_loader(argv[1]);
}
