package wmigrate

import (
	"fmt"
	"strings"

	"wmigrate/internal/host"
)

// Messages for the person who watches the run, 10 MiB a run. Those that end in f format as fmt.Printf does, the others as fmt.Print.

// The levels of the contract.
const (
	debug = iota
	info
	notice
	warning
)

// Debug is shown with -v only.
func Debug(values ...any) { message(debug, fmt.Sprint(values...)) }

// Debugf is shown with -v only.
func Debugf(format string, values ...any) { message(debug, fmt.Sprintf(format, values...)) }

// Info is an ordinary message.
func Info(values ...any) { message(info, fmt.Sprint(values...)) }

// Infof is an ordinary message.
func Infof(format string, values ...any) { message(info, fmt.Sprintf(format, values...)) }

// Notice is worth reading.
func Notice(values ...any) { message(notice, fmt.Sprint(values...)) }

// Noticef is worth reading.
func Noticef(format string, values ...any) { message(notice, fmt.Sprintf(format, values...)) }

// Warning should be looked at after the run.
func Warning(values ...any) { message(warning, fmt.Sprint(values...)) }

// Warningf should be looked at after the run.
func Warningf(format string, values ...any) { message(warning, fmt.Sprintf(format, values...)) }

// message must not fail: what is no character is replaced.
func message(level uint32, text string) {
	host.Message(level, strings.ToValidUTF8(text, "\uFFFD"))
}
