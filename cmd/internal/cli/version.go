package cli

import (
	"runtime/debug"
	"strings"
)

// Version returns the version that the go command has put into the binary, with the commit if it was built in a
// checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	if text == "" {
		text = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(text, s.Value[:12]) {
			text += " commit " + s.Value[:12]
		}
	}
	return text + " " + info.GoVersion
}
