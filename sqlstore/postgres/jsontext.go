package postgres

import (
	"encoding/json"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// objectText is a JSON object of entries.
func objectText(entries map[string]json.RawMessage) string {
	return string(jsonobj.AppendEntries(nil, entries))
}

// arrayText is a JSON array of strings.
func arrayText(elements []string) string { return string(jsonobj.AppendStrings(nil, elements)) }
