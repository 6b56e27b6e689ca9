package backfill

import (
	core "wmigrate/internal/core"
	"wmigrate/internal/host"
	"wmigrate/internal/panics"
)

// In this package, so that only those revisions have the export that can have transforms.
//
//go:wasmexport transform
func exportTransform(name, nameLength, rows, columns, columnCount, vectors, vectorCount uint32) uint32 {
	defer panics.Report()
	written, err := apply(host.TakeBatch(name, nameLength, rows, columns, columnCount, vectors, vectorCount))
	return host.ReturnVectors(written, core.ToHost(err))
}
