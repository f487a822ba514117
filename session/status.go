package session

import "net/http"

// StatusCode is the HTTP status that says what err means to a client: 400 two tokens, 403 origin, 409 gone or rotated, 413
// too large, 429 too many sessions, 500 a mistake of this server's code or data, 503 the store.
func StatusCode(err error) int {
	for _, is := range []struct {
		status int
		causes []error
	}{
		{http.StatusBadRequest, []error{ErrAmbiguous}},
		{http.StatusForbidden, []error{ErrOrigin}},
		{http.StatusInternalServerError, mistakes},
		{http.StatusConflict, []error{ErrGone}},
		{http.StatusRequestEntityTooLarge, []error{ErrTooLarge}},
		{http.StatusTooManyRequests, []error{ErrOwnerLimit}},
	} {
		if isOneOf(err, is.causes) {
			return is.status
		}
	}
	return http.StatusServiceUnavailable
}

// answer is the default ErrorHandler. The client learns the status alone.
func answer(w http.ResponseWriter, _ *http.Request, err error) {
	status := StatusCode(err)
	http.Error(w, http.StatusText(status), status)
}
