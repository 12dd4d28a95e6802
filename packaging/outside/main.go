// Loads, edits and writes an image, and survives a loader that fails: IMAGE NEW-LAYOUT.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	image "github.com/ociimg/ociimg/bindings/go"
)

var errFire = errors.New("the disk is on fire")

type burning struct{}

func (burning) RootDigest(context.Context) (string, error) { return "", nil }

func (burning) OpenRootManifest(context.Context) (io.ReadCloser, error) { return nil, errFire }

func (burning) OpenManifest(context.Context, string) (io.ReadCloser, error) { return nil, errFire }

func (burning) OpenBlob(context.Context, string) (io.ReadCloser, error) { return nil, errFire }

func load(ctx context.Context, path string) (*image.Image, error) {
	source, err := image.Open(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	index, err := source.Load(ctx)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	return index.ImageFor(ctx, &image.Platform{OS: "linux", Architecture: "arm64"})
}

func edit(ctx context.Context, img *image.Image) error {
	writer, err := image.NewLayerWriter(ctx, nil)
	if err != nil {
		return err
	}
	defer writer.Close()
	if _, err := writer.Write(make([]byte, 1024)); err != nil { // an empty archive
		return err
	}
	layer, err := writer.Finish()
	if err != nil {
		return err
	}
	return errors.Join(img.AppendLayer(layer, nil), img.SetEnv("OUTSIDE", "yes"))
}

func write(ctx context.Context, img *image.Image, path string) error {
	target, err := image.NewLayout(path, nil)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := img.Copy(ctx, target, &image.CopyOptions{Names: []string{"v1"}}); err != nil {
		return err
	}
	return target.Finish(ctx)
}

func run(ctx context.Context, from, to string) error {
	img, err := load(ctx, from)
	if err != nil {
		return err
	}
	defer img.Close()
	if err := errors.Join(edit(ctx, img), write(ctx, img, to)); err != nil {
		return err
	}
	again, err := load(ctx, to)
	if err != nil {
		return err
	}
	defer again.Close()
	if again.ManifestDigest() != img.ManifestDigest() {
		return errors.New("another image was written")
	}
	if _, err := image.Load(ctx, burning{}); !errors.Is(err, errFire) {
		return fmt.Errorf("the loader's error did not come back: %w", err)
	}
	return nil
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("right")
}
