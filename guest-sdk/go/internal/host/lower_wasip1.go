package host

import "unsafe"

// From Go to the contract: each function gives address and length of a text or list, or fills words in, and notes what it points at.

func lowerText(text string) (uint32, uint32) {
	return hold(unsafe.Pointer(unsafe.StringData(text))), uint32(len(text))
}

func lowerBytes(bytes []byte) (uint32, uint32) {
	return hold(unsafe.Pointer(unsafe.SliceData(bytes))), uint32(len(bytes))
}

func lowerWords(words []uint32, count int) (uint32, uint32) {
	return hold(unsafe.Pointer(unsafe.SliceData(words))), uint32(count)
}

// record is a record under construction: words that are filled in one after the other.
type record []uint32

func (r *record) words(words ...uint32) {
	*r = append(*r, words...)
}

func (r *record) text(text string) {
	r.words(lowerText(text))
}

func (r *record) option(text *string) {
	if text == nil {
		r.words(0, 0, 0)
		return
	}
	address, length := lowerText(*text)
	r.words(1, address, length)
}

func (r *record) texts(texts []string) {
	list := make(record, 0, 2*len(texts))
	for _, text := range texts {
		list.text(text)
	}
	r.words(lowerWords(list, len(texts)))
}

func (r *record) pairs(pairs []Pair) {
	list := make(record, 0, 4*len(pairs))
	for _, pair := range pairs {
		list.text(pair.Name)
		list.text(pair.Value)
	}
	r.words(lowerWords(list, len(pairs)))
}

func (r *record) failure(failure *Error) {
	r.text(failure.Kind)
	r.text(failure.SQLState)
	r.text(failure.Message)
	r.option(failure.Detail)
	r.option(failure.Hint)
	if failure.Position == nil {
		r.words(0, 0)
	} else {
		r.words(1, *failure.Position)
	}
	r.pairs(failure.Fields)
}

func (r *record) vector(vector Vector) {
	r.words(lowerBytes(vector.Nulls))
	r.words(uint32(vector.Form))
	switch vector.Form {
	case Text:
		r.text(vector.Text)
	case Fixed:
		r.words(lowerBytes(vector.Fixed))
	case Bytes:
		list := make(record, 0, 2*len(vector.Bytes))
		for _, bytes := range vector.Bytes {
			list.words(lowerBytes(bytes))
		}
		r.words(lowerWords(list, len(vector.Bytes)))
	}
}

// valueWords is the size of a `value`, in words of 64 bits.
const valueWords = 3

func appendValue(words []uint64, value *Value) []uint64 {
	payload := value.Bits
	if value.Tag >= TagNumeric {
		address, length := lowerText(value.Text)
		payload = uint64(address) | uint64(length)<<32
	}
	return append(words, uint64(value.Tag), payload, 0)
}

func lowerValues(values []Value) (uint32, uint32) {
	words := make([]uint64, 0, valueWords*len(values))
	for i := range values {
		words = appendValue(words, &values[i])
	}
	return hold(unsafe.Pointer(unsafe.SliceData(words))), uint32(len(values))
}

func lowerRows(rows [][]Value) (uint32, uint32) {
	list := make(record, 0, 2*len(rows))
	for _, row := range rows {
		list.words(lowerValues(row))
	}
	return lowerWords(list, len(rows))
}
