// ociimg.hpp where there are no exceptions. The argument is a layout folder.

#include "check.hpp"

#include <sstream>

namespace {

class own_loader : public ociimg::loader_base {
  public:
    own_loader(std::string layout, bool has_blobs)
        : layout_(std::move(layout)), has_blobs_(has_blobs)
    {
    }

    ociimg::result<stream> open_root_manifest(const ociimg::call &) override
    {
        return file(layout_ + "/index.json");
    }
    ociimg::result<stream> open_manifest(std::string_view digest, const ociimg::call &) override
    {
        return file(blob_path(layout_, digest));
    }
    ociimg::result<stream> open_blob(std::string_view digest, const ociimg::call &) override
    {
        if (!has_blobs_)
            return ociimg::error(ociimg::status::denied, "not yours", 403);
        return file(blob_path(layout_, digest));
    }

  private:
    static ociimg::result<stream> file(const std::string &path)
    {
        std::optional<std::string> bytes = read_file(path);
        if (!bytes)
            return stream();
        return stream(std::make_unique<ociimg::memory_stream>(std::move(*bytes)));
    }

    std::string layout_;
    bool has_blobs_;
};

ociimg::index load(const char *layout, bool has_blobs)
{
    auto loader = ociimg::loader::make(std::make_unique<own_loader>(layout, has_blobs));
    CHECK(loader);
    auto index = ociimg::index::load(*loader);
    CHECK(index);
    return std::move(*index);
}

} // namespace

int main(int, char **argv)
{
    auto missing = ociimg::loader::open("/no/such/place");
    CHECK(!missing && missing.error().status() == ociimg::status::not_found);
    CHECK(ociimg::platform::parse("linux/amd64")->os() == "linux");
    CHECK(ociimg::platform::parse("*").error().message().size() > 0);

    const ociimg::index good = load(argv[1], true), bad = load(argv[1], false);
    std::size_t read = 0;
    for (const ociimg::entry &entry : good.entries()) {
        if (entry.kind() != ociimg::entry_kind::image)
            continue;
        auto image = entry.image();
        CHECK(image && image->manifest_digest() == entry.descriptor()->digest());
        for (const ociimg::layer &layer : image->layers()) {
            auto reader = layer.open();
            CHECK(reader);
            char buf[100];
            auto n = reader->read(buf, sizeof buf);
            CHECK(n && *n > 0);
            CHECK(reader->finish() && reader->is_verified());
            ++read;
        }
        auto refused = bad.entries()[entry.place()].image();
        CHECK(!refused && refused.error().status() == ociimg::status::denied);
        CHECK(refused.error().callback_code() == 403);
    }
    CHECK(read > 0);

    auto name = ociimg::reference::parse("busybox");
    CHECK(name && name->familiar() == "busybox");
    CHECK(!ociimg::reference::parse("A"));
    std::ostringstream archive, broken;
    broken.setstate(std::ios::badbit);
    for (std::ostringstream *out : {&archive, &broken}) {
        auto sink = ociimg::sink::open_archive_stream(*out);
        CHECK(sink);
        const bool written = sink->write(good) && sink->finish();
        CHECK(written == (out == &archive));
    }
    CHECK(archive.str().size() > 1024 && broken.str().empty());
}
