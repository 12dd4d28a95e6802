module github.com/ociimg/ociimg/bindings/go

go 1.24
