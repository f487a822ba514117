package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/simples-go/sessions/session"
)

// Errors that are the client's.
var (
	errCrossSite  = &requestError{http.StatusForbidden, "cross-site requests may not change anything"}
	errNotFound   = &requestError{http.StatusNotFound, "there is nothing here"}
	errTooLarge   = &requestError{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", maxBytes)}
	errNotInteger = badRequest("the entry is not an integer")
	errOverflow   = badRequest("the entry would leave the range of 64-bit integers")
)

// requestError is what is wrong with a request, in words for the client.
type requestError struct {
	status int
	text   string
}

func (e *requestError) Error() string { return e.text }

func badRequest(format string, args ...any) *requestError {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func statusOf(err error) int {
	var request *requestError
	var body *http.MaxBytesError
	switch {
	case errors.As(err, &request):
		return request.status
	case errors.As(err, &body):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, session.ErrValue):
		return http.StatusBadRequest // all values here come from the client
	}
	return session.StatusCode(err)
}

// errorText returns what a client may read of an error. It does not say what is wrong with the server.
func errorText(err error) string {
	switch status := statusOf(err); {
	case status == http.StatusServiceUnavailable && !errors.Is(err, session.ErrShutdown):
		return "the store does not answer, nothing was changed for certain; try again"
	case status == http.StatusInternalServerError:
		return "the server cannot read this session"
	}
	return strings.TrimPrefix(err.Error(), "session: ")
}

func writeError(w http.ResponseWriter, err error) {
	writeJSON(w, statusOf(err), map[string]string{"error": errorText(err)})
}

// writeJSON ignores a failing connection, since nobody reads the answer then.
func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
