"""The package, through images that each test makes itself."""

import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import threading

import ociimg
import pytest

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARM64 = ociimg.Platform("linux", "arm64")


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def tar_of(text):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("file")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


class Memory(ociimg.Loader):
    """An index of one image for linux/arm64 with one layer."""

    def __init__(self, layer=tar_of(b"hello")):
        self.blobs = {}
        self.layer = layer
        entry = self.put(LAYER, layer)
        config = self.put_json(
            CONFIG,
            {
                "os": "linux",
                "architecture": "arm64",
                "config": {"Env": ["A=b"], "Labels": {"k": "v"}},
                "rootfs": {"type": "layers", "diff_ids": [entry["digest"]]},
                "history": [{"created_by": "test"}],
            },
        )
        manifest = self.put_json(
            MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config,
                "layers": [entry],
                "annotations": {"note": "x"},
            },
        )
        self.descriptor = dict(manifest, platform={"os": "linux", "architecture": "arm64"})
        self.set_root([self.descriptor])

    def set_root(self, manifests):
        root = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        self.root = json.dumps(root).encode()

    def put(self, media_type, content):
        digest = digest_of(content)
        self.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def put_json(self, media_type, document):
        return self.put(media_type, json.dumps(document).encode())

    def root_digest(self):
        return digest_of(self.root)

    def open_root_manifest(self):
        return io.BytesIO(self.root)

    def open_manifest(self, digest):
        if digest not in self.blobs:
            raise FileNotFoundError(digest)
        return io.BytesIO(self.blobs[digest])

    open_blob = open_manifest


def image_of(loader):
    return ociimg.open(loader).load().image(0)


def test_loads_selects_and_reads():
    memory = Memory()
    with ociimg.open(memory) as source:
        index = source.load()
    assert index.root_is_verified
    assert index.root_digest == digest_of(memory.root)
    assert [entry.kind for entry in index] == [ociimg.Kind.IMAGE]
    assert len(index.select(ociimg.Platform("windows", "amd64"))) == 0
    image = index.select(ARM64).image(0)
    assert str(image.platform) == "linux/arm64"
    assert image.annotations == {"note": "x"}
    assert image.config.env == ("A=b",)
    assert image.config.labels == {"k": "v"}
    assert image.config.history[0].created_by == "test"
    assert image.config.history[0].layer == 0
    assert json.loads(image.manifest_json) == json.loads(image.manifest.json)
    (layer,) = image.layers
    assert layer.diff_id == layer.chain_id == digest_of(memory.layer)
    with layer.open() as reader:
        assert reader.read() == memory.layer


def test_tarfile_over_a_layer():
    layer = image_of(Memory()).layers[0]
    with layer.open() as reader:
        with tarfile.open(fileobj=reader, mode="r|") as archive:
            assert [member.name for member in archive] == ["file"]
        reader.finish()
        assert reader.verified


def test_closing_before_the_verified_end_raises():
    layer = image_of(Memory()).layers[0]
    reader = layer.open()
    assert len(reader.read(100)) == 100
    with pytest.raises(ociimg.NotVerifiedError):
        reader.close()
    with pytest.raises(ValueError):
        reader.read(1)
    with pytest.raises(KeyError):  # not replaced by NotVerifiedError
        with layer.open():
            raise KeyError


def test_an_altered_layer_is_refused():
    memory = Memory()
    layer = image_of(memory).layers[0]
    altered = bytearray(memory.layer)
    altered[-1] = 1
    memory.blobs[layer.digest] = bytes(altered)
    with pytest.raises(ociimg.DigestMismatchError) as caught:
        with layer.open() as reader:
            with tarfile.open(fileobj=reader, mode="r|") as archive:
                list(archive)
            reader.finish()
    assert caught.value.digest == layer.digest
    assert caught.value.status == ociimg.Status.DIGEST_MISMATCH


class Own(Exception):
    pass


@pytest.mark.parametrize("method", ["root_digest", "open_root_manifest", "open_blob"])
def test_what_a_callback_raises_comes_back_as_itself(method):
    memory = Memory()
    error = Own("broken")

    def fail(*_):
        raise error

    setattr(memory, method, fail)
    with pytest.raises(Own) as caught:
        image_of(memory)
    assert caught.value is error


@pytest.mark.parametrize("status", [99, -1, 1 << 40])
def test_a_status_that_the_library_does_not_have(status):
    memory = Memory()
    error = ociimg.OciimgError("broken", status=status)

    def fail(*_):
        raise error

    memory.open_blob = fail
    with pytest.raises(ociimg.CallbackError) as caught:
        image_of(memory)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "read, error",
    [
        (lambda _: None, BlockingIOError),
        (lambda _: b"", ociimg.SizeMismatchError),
        (lambda n: b"x" * (n + 1), ociimg.CallbackContractError),
        (lambda _: 7, TypeError),
    ],
)
def test_broken_streams(read, error):
    class Stream:
        def read(self, n):
            return read(n)

    memory = Memory()
    memory.open_blob = lambda _: Stream()
    with pytest.raises(error):
        image_of(memory)


def test_a_missing_blob_is_not_found():
    memory = Memory()
    memory.blobs = {}
    with pytest.raises((ociimg.NotFoundError, FileNotFoundError)):
        image_of(memory)


def test_a_broken_entry_keeps_its_error():
    memory = Memory()
    entry = dict(memory.descriptor)
    del entry["platform"]
    del memory.blobs[entry["digest"]]
    memory.set_root([entry])
    (found,) = ociimg.open(memory).load()
    assert found.kind == ociimg.Kind.BROKEN
    assert isinstance(found.error, ociimg.NotFoundError)
    assert isinstance(found.error.__cause__, FileNotFoundError)
    index = ociimg.open(memory).load()
    with pytest.raises(FileNotFoundError):
        index.image(0)
    (again,) = index.builder().finish()
    assert isinstance(again.error.__cause__, FileNotFoundError)


def test_cancelling():
    context = ociimg.Context()
    memory = Memory()
    opened = memory.open_manifest

    def cancel(digest):
        context.cancel()
        return opened(digest)

    memory.open_manifest = cancel
    index = ociimg.open(memory).load(context=context)
    with pytest.raises(ociimg.CancelledError):
        index.image(0, context=context)


def test_arguments():
    with pytest.raises(ValueError):
        ociimg.Platform.parse("a/b/c/d")
    with pytest.raises(ociimg.NotFoundError) as caught:
        ociimg.open("/does/not/exist")
    assert caught.value.errno == 2
    with pytest.raises(IndexError):
        ociimg.open(Memory()).load()[1]


def test_edits_and_writes(tmp_path):
    base = image_of(Memory())
    image = base.clone()
    with ociimg.LayerWriter(compression=ociimg.Compression.ZSTD) as writer:
        writer.write(tar_of(b"more"))
        layer = writer.finish()
    image.append_layer(layer, created_by="test")
    image.set_env("B", "c")
    image.set_label("k", None)
    image.set_entrypoint([])
    image.set_cmd(["run"])
    image.set_config_member("Healthcheck", b'{"Test":["NONE"]}')
    image.set_platform(ociimg.Platform("linux", "amd64"))
    assert len(base.layers) == 1
    assert base.manifest_digest != image.manifest_digest
    with pytest.raises(ociimg.InvalidArgumentError):
        image.set_env("a=b", "c")

    events = []
    with ociimg.Target.layout(tmp_path / "layout") as target:
        ociimg.copy(image, target, names=["v1"], threads=2, progress=events.append)
    assert events
    index = ociimg.open(tmp_path / "layout", ref_name="v1").load()
    assert index[0].name == "v1"
    again = index.image(0)
    assert again.manifest_digest == image.manifest_digest
    assert again.config.env == ("A=b", "B=c")
    assert again.config.labels == {}
    assert json.loads(again.config_json)["config"]["Entrypoint"] == []

    stream = io.BytesIO()
    with ociimg.Target.archive_stream(stream) as target:
        ociimg.copy(index, target)
    (tmp_path / "a.tar").write_bytes(stream.getvalue())
    assert ociimg.open(tmp_path / "a.tar").load().image(0).config == again.config


class MemorySink(ociimg.Sink):
    def __init__(self):
        self.blobs, self.roots = {}, {}

    def has_blob(self, descriptor):
        return descriptor.digest in self.blobs

    def begin_blob(self, descriptor):
        sink = self

        class Writer(ociimg.BlobWriter):
            content = b""

            def write(self, data):
                self.content += data

            def commit(self):
                sink.blobs[descriptor.digest] = self.content

        return Writer()

    def put_manifest(self, descriptor, content):
        self.blobs[descriptor.digest] = content

    def put_root(self, descriptor, content, name):
        self.roots[name] = descriptor.digest


def test_a_sink_in_python():
    memory, sink = Memory(), MemorySink()
    index = ociimg.open(memory).load()
    with ociimg.Target(sink) as target:
        ociimg.copy(index, target, names=["a", "b"])
    assert sink.roots == {"a": index.root_digest, "b": index.root_digest}
    assert memory.blobs.items() <= sink.blobs.items()


def test_a_sink_that_raises():
    sink = MemorySink()

    def fail(*_):
        raise Own

    sink.begin_blob = fail
    target = ociimg.Target(sink)
    with pytest.raises(Own):
        ociimg.copy(ociimg.open(Memory()).load(), target)


def test_index_builder():
    builder = ociimg.IndexBuilder()
    builder.add_image(image_of(Memory()))
    builder.set_annotation("note", "x")
    index = builder.finish()
    assert index[0].platform == ARM64
    assert json.loads(index.root_json)["annotations"] == {"note": "x"}


def test_threads():
    index = ociimg.open(Memory()).load()
    failures = []

    def work():
        try:
            for _ in range(20):
                with index.image(0).layers[0].open() as reader:
                    reader.read()
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_what_a_reader_raises_comes_back_as_itself():
    memory = Memory(bytes(1 << 20))
    layer = image_of(memory).layers[0]

    class Stream(io.BytesIO):
        def readinto(self, buffer):
            if self.tell() > 300_000:
                raise Own
            return super().readinto(buffer)

    memory.open_blob = lambda digest: Stream(memory.blobs[digest])
    reader = layer.open()
    with pytest.raises(Own):
        reader.read()
    with pytest.raises(Own):  # the second time, too
        reader.read(1)
    with pytest.raises(ociimg.NotVerifiedError):
        reader.close()


def test_an_exception_that_cannot_be_printed():
    class Odd(Exception):
        def __str__(self):
            raise KeyError

    memory = Memory()

    def fail():
        raise Odd

    memory.open_root_manifest = fail
    with pytest.raises(Odd):
        ociimg.open(memory).load()


def test_nothing_leaks():
    import gc
    from ociimg._loader import ALIVE

    gc.collect()
    before = len(ALIVE)
    for _ in range(20):
        memory, sink = Memory(), MemorySink()
        index = ociimg.open(memory).load()
        with index.image(0).layers[0].open() as reader:
            reader.read()
        with ociimg.Target(sink) as target:
            ociimg.copy(index, target, progress=lambda _: None)
        memory.open_blob = lambda _: None
        with pytest.raises(AttributeError):
            image_of(memory)
    del memory, sink, index, reader, target
    gc.collect()
    assert len(ALIVE) == before


def test_readme():
    root = pathlib.Path(__file__).resolve().parents[1]
    program = re.search(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1]
    sample = root.parents[1] / "examples" / "sample"
    command = [sys.executable, "-c", program, str(sample), "linux/arm64"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert re.match(r"sha256:[0-9a-f]{64} \['", output)
