package wmigrate

import (
	// For go:linkname.
	_ "unsafe"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
	"wmigrate/internal/panics"
)

// The module is a reactor: its `_initialize` starts the runtime and runs what is outside of functions, but not main. So the exports do.
//
//go:linkname callMain main.main
func callMain()

//go:wasmexport upgrade
func exportUpgrade() uint32 {
	return run(Upgrade)
}

//go:wasmexport downgrade
func exportDowngrade() uint32 {
	return run(Downgrade)
}

func run(way Way) uint32 {
	defer panics.Report()
	callMain()
	if !functions.known {
		return host.Return(core.ToHost(noExport()))
	}
	function := functions.upgrade
	if way == Downgrade {
		function = functions.downgrade
	}
	if function == nil {
		return host.Return(core.ToHost(noFunction(way)))
	}
	return host.Return(core.ToHost(function()))
}
