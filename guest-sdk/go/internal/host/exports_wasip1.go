package host

import "unsafe"

// What the exports get and return. The exports themselves are where the functions are that they call.

// outcome is where the result of an export lies until the host has read it.
var outcome record

// Return gives the result of `upgrade` or `downgrade` to the host.
func Return(failure *Error) uint32 {
	outcome = make(record, 0, 17)
	if failure == nil {
		outcome.words(0)
	} else {
		outcome.words(1)
		outcome.failure(failure)
	}
	return addressOf(unsafe.Pointer(unsafe.SliceData(outcome)))
}

// ReturnVectors gives the result of `transform` to the host.
func ReturnVectors(vectors []Vector, failure *Error) uint32 {
	if failure != nil {
		return Return(failure)
	}
	list := make(record, 0, 5*len(vectors))
	for _, vector := range vectors {
		list.vector(vector)
	}
	outcome = make(record, 0, 17)
	outcome.words(0)
	outcome.words(lowerWords(list, len(vectors)))
	return addressOf(unsafe.Pointer(unsafe.SliceData(outcome)))
}

// TakeBatch makes a batch of the arguments of `transform`.
func TakeBatch(transform, transformLength, rows, columns, columnCount, vectors, vectorCount uint32) Batch {
	batch := Batch{Transform: unsafe.String((*byte)(pointerTo(transform)), transformLength)}
	batch.Columns = liftElements(columns, columnCount, columnSize, liftColumn)
	batch.Rows = int(rows)
	batch.Vectors = liftElements(vectors, vectorCount, vectorSize, liftVector)
	clear(rooms)
	rooms = rooms[:0]
	return batch
}
