package host

import (
	"sync"
	"unsafe"
)

// Memory that host and guest share. A pointer of Go has 64 bits here and one of the contract 32, so nothing crosses as a struct of Go:
// records are written and read word by word, at the places that the canonical ABI gives them.
//
// Go's collector moves nothing on the heap, but it frees what no pointer of Go leads to, and stacks do move. Therefore what the host
// reads is noted in `held`, which also keeps it off the stack; and what the host writes lies in `room`.

// door is closed while a call is under way: there is one `answer`, and one list of what is held.
var door sync.Mutex

// answer is where the host puts the result of a call: none is larger than a `result<u64, error>`.
var answer [9]uint64

// held is what the host reads in the call under way, or after an export has returned.
var held []unsafe.Pointer

func hold(pointer unsafe.Pointer) uint32 {
	held = append(held, pointer)
	return addressOf(pointer)
}

func addressOf(pointer unsafe.Pointer) uint32 {
	return uint32(uintptr(pointer))
}

func pointerTo(address uint32) unsafe.Pointer {
	return unsafe.Add(nil, address)
}

func load8(address uint32) uint8 {
	return *(*uint8)(pointerTo(address))
}

func load32(address uint32) uint32 {
	return *(*uint32)(pointerTo(address))
}

func load64(address uint32) uint64 {
	return *(*uint64)(pointerTo(address))
}

// room is where the host puts texts and lists, piece by piece. What is read from it stays there, as ordinary strings and slices, which
// keep their part of the heap alive.
var room []byte

// rooms are those that the call under way has used, until something of Go leads to what is in them.
var rooms [][]byte

const (
	// roomSize is the size of a room. Larger pieces than largePiece get one of their own.
	roomSize   = 64 << 10
	largePiece = 16 << 10
	// leastRoom is what there is at the beginning of a call, so that most need no allocation while the host is at work.
	leastRoom = 4 << 10
)

func beginCall() {
	door.Lock()
	if len(room) < leastRoom {
		room = newRoom(roomSize)
	}
	rooms = append(rooms, room)
}

func endCall() {
	clear(held)
	clear(rooms)
	held, rooms = held[:0], rooms[:0]
	door.Unlock()
}

// newRoom is aligned for every type of the contract.
func newRoom(size uint32) []byte {
	words := make([]uint64, (size+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)
}

// early is for the adapter of WASI, which asks for its stack and its state, 64 KiB each, while the runtime starts and there is no heap.
var early [136 << 10]byte

var (
	earlyUsed uint32
	started   bool
)

func init() {
	started = true
}

// The host calls this in the middle of its work, where the contract forbids calls of the host. To look at the clock is one, and the
// collector does: so nothing is allocated here while there is room, and otherwise without the collector and with the clock stopped.
//
//go:wasmexport cabi_realloc
//go:nosplit
func reallocate(old, oldSize, align, size uint32) uint32 {
	var piece unsafe.Pointer
	if started {
		piece = takeRoom(size)
	} else {
		at := (addressOf(unsafe.Pointer(&early))+earlyUsed+align-1)&^(align-1) - addressOf(unsafe.Pointer(&early))
		piece = unsafe.Pointer(&early[at])
		earlyUsed = at + size
	}
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(piece), size), unsafe.Slice((*byte)(pointerTo(old)), min(oldSize, size)))
	}
	return addressOf(piece)
}

//go:nosplit
func takeRoom(size uint32) unsafe.Pointer {
	if size > largePiece || size > uint32(len(room)) {
		procPin()
		piece := moreRoom(size)
		procUnpin()
		return piece
	}
	piece := unsafe.Pointer(unsafe.SliceData(room))
	room = room[(size+7)&^7:]
	return piece
}

// moreRoom runs where neither the collector nor another goroutine can.
func moreRoom(size uint32) unsafe.Pointer {
	stopClock(1)
	defer stopClock(0)
	fresh := newRoom(max(size, roomSize))
	rooms = append(rooms, fresh)
	if size <= largePiece {
		room = fresh[(size+7)&^7:]
	}
	return unsafe.Pointer(unsafe.SliceData(fresh))
}

// The runtime holds this pair open for all (go.dev/issue/67401). Between them it neither collects nor runs another goroutine.
//
//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

// The adapter's own door for just this: while it is stopped the clock tells what it told last.
//
//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func stopClock(stopped uint32)
