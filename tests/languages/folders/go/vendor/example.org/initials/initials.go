// Package initials stands for a module that was vendored.
package initials

import "strings"

// Of gives the first letter of each word.
func Of(name string) string {
	var all strings.Builder
	for _, word := range strings.Fields(name) {
		all.WriteString(word[:1])
	}
	return all.String()
}
