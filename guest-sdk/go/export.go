package wmigrate

import core "wmigrate/internal/core"

// functions are those of this revision.
var functions struct {
	known              bool
	upgrade, downgrade func() error
}

// Export names the two functions of this revision. It is called from main, which wmigrate calls before either of them:
//
//	func main() { wmigrate.Export(upgrade, downgrade) }
//
// A downgrade of nil is none. Transforms of package backfill are made outside of functions, since they run without main.
func Export(upgrade, downgrade func() error) {
	functions.upgrade, functions.downgrade, functions.known = upgrade, downgrade, true
}

func noExport() error {
	return core.NewError("usage", "39000", "this revision exports nothing: `func main() { wmigrate.Export(upgrade, downgrade) }`")
}

func noFunction(way Way) error {
	return core.NewError("usage", "39000", "this revision has no ", string(way), ": `wmigrate.Export` was given nil for it")
}
