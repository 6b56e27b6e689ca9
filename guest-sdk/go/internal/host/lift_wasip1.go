package host

import "unsafe"

// From the contract to Go. The texts and lists stay where the host has put them, in `room`.

func liftText(address uint32) string {
	return unsafe.String((*byte)(pointerTo(load32(address))), load32(address+4))
}

func liftBytes(address uint32) []byte {
	return unsafe.Slice((*byte)(pointerTo(load32(address))), load32(address+4))
}

// liftList reads a list whose elements have `size` bytes each.
func liftList[T any](address, size uint32, element func(uint32) T) []T {
	return liftElements(load32(address), load32(address+4), size, element)
}

func liftElements[T any](first, count, size uint32, element func(uint32) T) []T {
	list := make([]T, count)
	for i := range list {
		list[i] = element(first + uint32(i)*size)
	}
	return list
}

func liftOption(address uint32) *string {
	if load8(address) == 0 {
		return nil
	}
	text := liftText(address + 4)
	return &text
}

func liftPair(address uint32) Pair {
	return Pair{liftText(address), liftText(address + 8)}
}

func liftError(address uint32) *Error {
	failure := Error{
		Kind:     liftText(address),
		SQLState: liftText(address + 8),
		Message:  liftText(address + 16),
		Detail:   liftOption(address + 24),
		Hint:     liftOption(address + 36),
		Fields:   liftList(address+56, 16, liftPair),
	}
	if load8(address+48) != 0 {
		position := load32(address + 52)
		failure.Position = &position
	}
	return &failure
}

// The sizes of a `column` and a `vector`.
const (
	columnSize = 20
	vectorSize = 20
)

func liftColumn(address uint32) Column {
	return Column{liftText(address), load32(address + 8), liftText(address + 12)}
}

func liftVector(address uint32) Vector {
	vector := Vector{Nulls: liftBytes(address), Form: Form(load8(address + 8))}
	switch vector.Form {
	case Text:
		vector.Text = liftText(address + 12)
	case Fixed:
		vector.Fixed = liftBytes(address + 12)
	case Bytes:
		vector.Bytes = liftList(address+12, 8, liftBytes)
	}
	return vector
}
