package wmigrate

import (
	"time"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// What this run is about. All of it is the same when the same revision is run again, and nothing fails.

// Way is one of the two directions.
type Way string

// The two directions.
const (
	Upgrade   Way = "upgrade"
	Downgrade Way = "downgrade"
)

// Revision is the id of this revision.
func Revision() string {
	return host.Revision()
}

// Direction says which of the two functions is running.
func Direction() Way {
	if host.Direction() == 0 {
		return Upgrade
	}
	return Downgrade
}

// X is the value of `-x name=value`, or of the same key under `[x]` in wmigrate.toml, and whether there is one.
func X(name string) (string, bool) {
	if core.CheckText("", name) != nil {
		return "", false
	}
	return host.Argument(name)
}

// ServerVersion is the server's server_version_num, for example 170002.
func ServerVersion() int {
	return int(host.ServerVersion())
}

// Now is when the transaction began. The only clock there is.
func Now() time.Time {
	return core.FromMicroseconds(host.Now())
}
