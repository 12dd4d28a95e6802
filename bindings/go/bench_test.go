package image

import (
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/ociimg/ociimg/bindings/go/internal/cread"
)

// cpu returns the processor time of the process.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func readLayer(b *testing.B, folder string, buffer []byte) int64 {
	r, err := layerIn(b, folder).Open(context.Background(), nil)
	if err != nil {
		b.Fatal(err)
	}
	var total int64
	for {
		n, err := r.Read(buffer)
		total += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	return total
}

// BenchmarkReadLayer reads a layer of 256 MiB with buffers of 64 KiB in Go and in C, by turns.
// of-C is the processor time of C divided by that of Go: 1 is as fast, 0.5 half as fast.
func BenchmarkReadLayer(b *testing.B) {
	const size = 256 << 20
	folder := layoutOf(b, make([]byte, size))
	buffer := make([]byte, 64<<10)
	var inC, inGo time.Duration
	b.SetBytes(size)
	for b.Loop() {
		start := cpu()
		if cread.Layer(folder, len(buffer)) != size {
			b.Fatal("C read something else")
		}
		middle := cpu()
		if readLayer(b, folder, buffer) != size {
			b.Fatal("Go read something else")
		}
		inC += middle - start
		inGo += cpu() - middle
	}
	b.ReportMetric(float64(inC)/float64(inGo), "of-C")
	b.ReportMetric(inC.Seconds()/float64(b.N), "C-cpu-s/op")
	b.ReportMetric(inGo.Seconds()/float64(b.N), "Go-cpu-s/op")
}

// BenchmarkSmallRead reads 16 bytes at a time. over-C-ns is what a read costs beyond one in C.
func BenchmarkSmallRead(b *testing.B) {
	const size, reads = 16 << 20, 1 << 20
	folder := layoutOf(b, make([]byte, size))
	buffer := make([]byte, size/reads)
	var inC, inGo time.Duration
	for b.Loop() {
		start := cpu()
		if cread.Layer(folder, len(buffer)) != size {
			b.Fatal("C read something else")
		}
		middle := cpu()
		if readLayer(b, folder, buffer) != size {
			b.Fatal("Go read something else")
		}
		inC += middle - start
		inGo += cpu() - middle
	}
	b.ReportMetric(float64(inC.Nanoseconds())/float64(b.N*reads), "C-ns/read")
	b.ReportMetric(float64((inGo-inC).Nanoseconds())/float64(b.N*reads), "over-C-ns/read")
}
