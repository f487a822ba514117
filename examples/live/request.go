package main

import (
	"encoding/json"
	"errors"
	"net/http"
)

// maxForm bounds the bodies that hold no entry.
const maxForm = 4096

// readJSON decodes a small body.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxForm))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return bodyError(err)
	}
	return nil
}

// bodyError says what is wrong with a body that cannot be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge
	}
	return badRequest("the body cannot be read: %v", err)
}
