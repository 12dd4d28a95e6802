// Images, layers, indexes and sinks by ociimg.hpp. The argument is a folder to write into.

#include "check.hpp"

#include <map>
#include <sstream>
#include <stdexcept>

namespace {

struct trouble : std::runtime_error {
    using std::runtime_error::runtime_error;
};

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

/// The content of a sink of the program, and its behaviour.
struct store {
    std::map<std::string, std::string> blobs, manifests, roots;
    int open = 0, begun = 0, finished = 0, destroyed = 0;
    bool throws_at_write = false, throws_at_root = false;
    int restarts = 0;
};

class own_writer : public ociimg::blob_writer_base {
  public:
    own_writer(store &to, std::string digest) : to_(to), digest_(std::move(digest)) { ++to_.open; }
    ~own_writer() override { --to_.open; }

    void write(const std::uint8_t *bytes, std::size_t size, const ociimg::call &) override
    {
        if (to_.throws_at_write)
            throw trouble("no room");
        if (to_.restarts > 0) {
            --to_.restarts;
            throw ociimg::error(ociimg::status::restart, "once more");
        }
        bytes_.append(reinterpret_cast<const char *>(bytes), size);
    }
    void commit(const ociimg::call &) override { to_.blobs[digest_] = bytes_; }

  private:
    store &to_;
    std::string digest_, bytes_;
};

class own_sink : public ociimg::sink_base {
  public:
    explicit own_sink(store &to) : to_(to) {}
    ~own_sink() override { ++to_.destroyed; }

    std::uint32_t max_streams() const noexcept override { return 1; }
    blob_writer begin_blob(const ociimg::descriptor_ref &d, std::uint64_t &offset,
                           const ociimg::call &) override
    {
        CHECK(offset == 0 && d.size() > 0 && !d.media_type().empty());
        ++to_.begun;
        if (to_.blobs.count(std::string(d.digest())) > 0)
            return nullptr;
        return std::make_unique<own_writer>(to_, std::string(d.digest()));
    }
    void put_manifest(const ociimg::descriptor_ref &d, std::string_view json,
                      const ociimg::call &) override
    {
        to_.manifests[std::string(d.digest())] = json;
    }
    void put_root(const ociimg::descriptor_ref &, std::string_view json,
                  std::optional<std::string_view> name, const ociimg::call &) override
    {
        if (to_.throws_at_root)
            throw trouble("not this name");
        to_.roots[std::string(name.value_or("(none)"))] = json;
    }
    void finish(const ociimg::call &) override { ++to_.finished; }

  private:
    store &to_;
};

ociimg::layer empty_tar(char filler)
{
    ociimg::layer_writer writer = ociimg::layer_writer::make();
    /* The end of a tar stream; what follows it makes the layers differ. */
    std::string tar(1024, '\0');
    tar.append(512, filler);
    writer.write(tar);
    return writer.finish();
}

ociimg::image edits()
{
    ociimg::image image =
        ociimg::image::make(ociimg::format::oci, ociimg::platform::parse("linux/arm64"));
    CHECK(image.layers().empty() && image.platform()->architecture() == "arm64");
    image.append_layer(empty_tar('a'));
    ociimg::append_options step;
    step.created_by = "a test";
    image.append_layer(empty_tar('b'), step);
    CHECK(image.layers().size() == 2 && image.layers()[0].diff_id() != image.layers()[1].diff_id());
    CHECK(!image.layers()[1].chain_id().empty());

    const ociimg::image before = image.clone();
    image.set_author("somebody");
    image.set_env("A", "1");
    image.set_env("B", "");
    image.set_env("A", "2");
    image.set_label("key", "value");
    image.set_entrypoint({"/bin/app", ""});
    image.set_cmd({});
    image.set_exposed_port("80/tcp");
    image.set_volume("/data");
    image.set_annotation("note", "it");
    image.set_config_member("Healthcheck", R"({"Test":["NONE"]})");
    const ociimg::config config = image.config();
    CHECK(config.author() == "somebody" && config.env()[0] == "A=2" && config.env()[1] == "B=");
    CHECK(config.label("key") == "value" && config.entrypoint().size() == 2);
    CHECK(config.exposed_ports()[0] == "80/tcp" && config.volumes()[0] == "/data");
    CHECK(config.json_at("/config/Healthcheck") == R"({"Test":["NONE"]})");
    CHECK(config.platform()->os() == "linux");
    CHECK(image.annotation("note") == "it" && !before.annotation("note"));
    CHECK(before.config().env().empty() && before.config_digest() != image.config_digest());

    const std::string digest(image.config_digest());
    CHECK(thrown([&] { image.set_env("A=B", "1"); }).status() == ociimg::status::invalid_argument);
    CHECK(thrown([&] { image.set_author(std::string("a\0b", 3)); }).status() ==
          ociimg::status::invalid_argument);
    CHECK(thrown([&] { image.remove_layer(2); }).status() == ociimg::status::invalid_argument);
    CHECK(image.config_digest() == digest);
    image.set_author(nullptr);
    image.remove_entrypoint();
    image.set_config_member("Healthcheck", std::nullopt);
    CHECK(image.config().author().data() == nullptr && image.config().entrypoint().empty());
    CHECK(!image.config().json_at("/config/Healthcheck"));
    const ociimg::manifest manifest = image.manifest();
    CHECK(manifest.layers().size() == 2 && manifest.config().digest() == image.config_digest());
    CHECK(manifest.json() == image.manifest_json() && !manifest.subject());
    return image;
}

void an_own_sink(const ociimg::image &image)
{
    store stored;
    {
        ociimg::sink sink = ociimg::sink::make(std::make_unique<own_sink>(stored));
        stored.restarts = 2;
        sink.write(image, "one");
        CHECK(stored.blobs.size() == 3 && stored.roots.at("one") == image.manifest_json());
        CHECK(stored.blobs.at(std::string(image.config_digest())) == image.config_json());
        const int begun = stored.begun;
        const char *const names[] = {"two", "three"};
        ociimg::copy_options opts;
        opts.names = names;
        opts.name_count = 2;
        ociimg::copy::make(image, sink, opts).run();
        CHECK(stored.roots.size() == 3 && stored.begun == begun + 3);

        stored.throws_at_root = true;
        CHECK(thrown<trouble>([&] { sink.write(image, "four"); }).what() ==
              std::string("not this name"));
        sink.finish();
    }
    CHECK(stored.finished == 1 && stored.destroyed == 1 && stored.open == 0);

    store full;
    full.throws_at_write = true;
    {
        const ociimg::sink sink = ociimg::sink::make(std::make_unique<own_sink>(full));
        const ociimg::copy copy = ociimg::copy::make(image, sink);
        thrown<trouble>([&] { copy.run(); });
        full.throws_at_write = false;
        copy.run(); /* goes on where it stopped */
    }
    CHECK(full.blobs.size() == 3 && full.open == 0 && full.destroyed == 1);
    CHECK(thrown([] { ociimg::sink::make(nullptr); }).status() == ociimg::status::invalid_argument);
    CHECK(thrown([] { ociimg::loader::make(nullptr); }).status() ==
          ociimg::status::invalid_argument);
}

void files(const std::string &folder, const ociimg::image &image)
{
    ociimg::index_builder builder = ociimg::index_builder::make(ociimg::format::oci);
    builder.add_image(image);
    ociimg::image other = image.clone();
    other.set_platform(ociimg::platform::parse("linux/amd64"));
    builder.add_image(other);
    builder.set_annotation("of", "all");
    CHECK(builder.descriptors().size() == 2);
    CHECK(builder.descriptors()[1].platform()->architecture() == "amd64");
    const ociimg::index made = builder.finish();
    CHECK(made.entries().size() == 2);

    for (const char *name : {"/layout", "/archive.tar"}) {
        const std::string path = folder + name;
        {
            ociimg::sink sink = name == std::string("/layout") ? ociimg::sink::open_layout(path)
                                                               : ociimg::sink::open_archive(path);
            sink.write(made, "test:1");
            sink.finish();
        }
        const ociimg::index read = ociimg::index::load(ociimg::loader::open(path));
        CHECK(read.entries().size() == 2 && read.entries()[0].name() == "test:1");
        const ociimg::image found = read.image_for(ociimg::platform::parse("linux/amd64"));
        CHECK(found.manifest_digest() == other.manifest_digest());
        for (const ociimg::layer &layer : found.layers())
            layer.open().finish();
        CHECK(thrown([&] { read.image_for(ociimg::platform::parse("linux/s390x")); }).status() ==
              ociimg::status::not_found);
        CHECK(read.manifest(0).digest() == image.manifest_digest());
    }
}

/// An output that fails.
class failing_output : public ociimg::archive_output_base {
  public:
    explicit failing_output(int &destroyed) : destroyed_(destroyed) {}
    ~failing_output() override { ++destroyed_; }
    void write(const std::uint8_t *bytes, std::size_t size, const ociimg::call &) override
    {
        CHECK(bytes != nullptr && size > 0);
        throw trouble("the pipe is closed");
    }

  private:
    int &destroyed_;
};

void streams(const std::string &folder, const ociimg::image &image)
{
    const std::string path = folder + "/of-a-file.tar";
    std::ostringstream out;
    ociimg::sink file = ociimg::sink::open_archive(path);
    ociimg::sink stream = ociimg::sink::open_archive_stream(out);
    for (ociimg::sink *sink : {&file, &stream}) {
        sink->write(image, "test:1");
        sink->finish();
    }
    CHECK(read_file(path) == out.str());

    int destroyed = 0;
    {
        ociimg::sink failing =
            ociimg::sink::open_archive_stream(std::make_unique<failing_output>(destroyed));
        const trouble e = thrown<trouble>([&] {
            failing.write(image);
            failing.finish();
        });
        CHECK(e.what() == std::string("the pipe is closed"));
        CHECK(destroyed == 0);
    }
    CHECK(destroyed == 1);

    std::ostringstream bad;
    bad.setstate(std::ios::badbit);
    ociimg::sink refused = ociimg::sink::open_archive_stream(bad);
    const ociimg::error e = thrown([&] {
        refused.write(image);
        refused.finish();
    });
    CHECK(e.status() == ociimg::status::io || e.status() == ociimg::status::callback);
    CHECK(e.message().find("the std::ostream failed") != std::string_view::npos);
    std::unique_ptr<ociimg::archive_output_base> none;
    CHECK(thrown([&] { ociimg::sink::open_archive_stream(std::move(none)); }).status() ==
          ociimg::status::invalid_argument);
}

void references()
{
    const ociimg::reference name = ociimg::reference::parse("busybox:1");
    CHECK(name.registry() == "docker.io" && name.repository() == "library/busybox");
    CHECK(name.tag() == "1" && name.digest().empty());
    CHECK(name.format() == "docker.io/library/busybox:1" && name.familiar() == "busybox:1");
    CHECK(ociimg::reference::parse(std::string("localhost:5000/a")).registry() == "localhost:5000");
    CHECK(thrown([] { ociimg::reference::parse("A"); }).status() ==
          ociimg::status::invalid_argument);
    const auto indexes = ociimg::supported_index_media_types();
    CHECK(indexes.size() > 1 && indexes[0] == "application/vnd.oci.image.index.v1+json");
    for (std::string_view type : ociimg::supported_manifest_media_types())
        CHECK(type.find("manifest") != std::string_view::npos);
}

} // namespace

int main(int, char **argv)
{
    const ociimg::image image = edits();
    an_own_sink(image);
    files(argv[1], image);
    streams(argv[1], image);
    references();
}
