// Loads, edits and writes an image, and survives a loader that fails: IMAGE NEW-LAYOUT.
#include <ociimg.hpp>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

struct fire : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class burning : public ociimg::loader_base {
  public:
    stream open_root_manifest(const ociimg::call &) override { throw fire("the disk is on fire"); }
    stream open_manifest(std::string_view, const ociimg::call &) override
    {
        throw fire("the disk is on fire");
    }
    stream open_blob(std::string_view, const ociimg::call &) override
    {
        throw fire("the disk is on fire");
    }
};

bool survives()
{
    try {
        ociimg::index::load(ociimg::loader::make(std::make_unique<burning>()));
    } catch (const fire &) {
        return true;
    }
    return false;
}

ociimg::image load(const char *path)
{
    return ociimg::index::load(ociimg::loader::open(path))
        .image_for(ociimg::platform::parse("linux/arm64"));
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    try {
        ociimg::image image = load(argv[1]);
        ociimg::layer_writer writer = ociimg::layer_writer::make();
        writer.write(std::string(1024, '\0')); // an empty archive
        image.append_layer(writer.finish());
        image.set_env("OUTSIDE", "yes");
        ociimg::sink sink = ociimg::sink::open_layout(argv[2]);
        sink.write(image, "v1");
        sink.finish();
        if (load(argv[2]).manifest_digest() != image.manifest_digest() || !survives()) {
            std::cout << "wrong\n";
            return 1;
        }
    } catch (const std::exception &e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
    std::cout << "right\n";
}
