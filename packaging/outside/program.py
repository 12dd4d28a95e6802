"""Loads, edits and writes an image, and survives a loader that fails: IMAGE NEW-LAYOUT."""

import sys

import ociimg

ARM64 = ociimg.Platform.parse("linux/arm64")


class Fire(Exception):
    pass


class Burning(ociimg.Loader):
    def open_root_manifest(self):
        raise Fire


image = ociimg.open(sys.argv[1]).load().image_for(ARM64)
with ociimg.LayerWriter() as writer:
    writer.write(bytes(1024))  # an empty archive
    image.append_layer(writer.finish())
image.set_env("OUTSIDE", "yes")
with ociimg.Target.layout(sys.argv[2]) as target:
    ociimg.copy(image, target, names=["v1"])
again = ociimg.open(sys.argv[2]).load().image_for(ARM64)
if again.manifest_digest != image.manifest_digest:
    sys.exit("another image was written")
try:
    ociimg.open(Burning()).load()
    sys.exit("the loader's exception did not come back")
except Fire:
    print("right")
