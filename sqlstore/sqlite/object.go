package sqlite

import (
	"fmt"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// checkObject returns ErrCorrupt unless data has the shape of one JSON object. What stands within is checked by the
// table's constraint when it is written, and read by the session; reading it here too would double the cost of a load.
func checkObject(data []byte) error {
	if err := jsonobj.CheckShape(data); err != nil {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return nil
}
