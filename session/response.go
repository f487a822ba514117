package session

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
)

// response commits the session before the response's first byte leaves. It can do what the writer below can, and no more:
// the wrappers at the end add Flusher and Hijacker.
type response struct {
	http.ResponseWriter
	h         *handling
	kept      http.Header // what stood in the header before the handler, if anything did
	committed bool
	status    int  // of the response, once it is being committed
	failed    bool // the commit has failed and the error handler has answered: what the handler writes is discarded
}

// cloneHeader returns a copy of a header, nil of an empty one.
func cloneHeader(header http.Header) http.Header {
	if len(header) == 0 {
		return nil
	}
	return header.Clone()
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// commit saves the session and completes the header, and reports whether the handler's response goes on: otherwise the
// error handler has answered in its place.
func (w *response) commit(status int) bool {
	if w.committed {
		return !w.failed
	}
	w.committed, w.status = true, status
	h := w.h
	if err := h.onOwnStack(func(h *handling) error { return h.commitStatus(h.w.status) }); err != nil {
		w.fail(err)
		return false
	}
	h.Announce(w.Header())
	if h.watch != nil {
		h.m.hub.join(h.watch, h.m) // the commit may have made the row
	}
	return true
}

// keepOnFailure keeps a header field that a manager inside has set for a change which it has committed, in case the commit
// of this one fails.
func (w *response) keepOnFailure(name, value string) {
	if w.kept == nil {
		w.kept = http.Header{}
	}
	w.kept.Add(name, value)
	w.kept.Set("Cache-Control", "no-store")
}

// fail discards what the handler has put into the header, and lets the error handler answer. It may still destroy the
// session; nothing else is saved.
func (w *response) fail(err error) {
	w.committed = true
	h := w.h
	h.report(err)
	header := w.Header()
	clear(header)
	maps.Copy(header, w.kept)
	addVary(header, h.m.vary)
	h.manager().config.ErrorHandler(&errorResponse{response: w}, h.r, err)
	w.failed = true
}

// errorResponse is what the error handler writes to: the header is completed before its first byte.
type errorResponse struct {
	*response
	begun bool
}

func (w *errorResponse) begin() {
	if !w.begun {
		w.begun = true
		w.h.Announce(w.Header())
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *errorResponse) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *errorResponse) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// WriteString implements io.StringWriter.
func (w *errorResponse) WriteString(s string) (int, error) {
	w.begin()
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom implements io.ReaderFrom.
func (w *errorResponse) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, r)
}

// WriteHeader implements http.ResponseWriter. Informational responses pass without a commit, as a final one follows.
func (w *response) WriteHeader(status int) {
	informational := status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
	if informational && !w.failed || !informational && w.commit(status) {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter. After a failed commit the error handler has answered, and what the handler writes
// is discarded without an error: it has no part in it.
func (w *response) Write(p []byte) (int, error) {
	if !w.commit(http.StatusOK) {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) {
	if !w.commit(http.StatusOK) {
		return len(s), nil
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom implements io.ReaderFrom, with that of the writer below if it has one, so that files go by sendfile.
func (w *response) ReadFrom(r io.Reader) (int64, error) {
	if !w.commit(http.StatusOK) {
		_ = w.flush()
		return io.Copy(io.Discard, r)
	}
	return io.Copy(w.ResponseWriter, r)
}

// flush sends what the error handler has answered too: a stream whose commit has failed may go on until its client leaves.
func (w *response) flush() error {
	w.commit(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// CloseNotify implements the deprecated http.CloseNotifier, which frameworks still call on the writer they are given.
func (w *response) CloseNotify() <-chan bool {
	if below, ok := w.ResponseWriter.(interface{ CloseNotify() <-chan bool }); ok {
		return below.CloseNotify()
	}
	gone := make(chan bool, 1)
	go func() {
		<-w.h.r.Context().Done()
		gone <- true
	}()
	return gone
}

// warnIfBegun logs that the response has begun without this writer: the framework goes on with its own, so that no cookie
// can be sent and no failed save answered.
func (w *response) warnIfBegun() {
	if begun(w.ResponseWriter) && w.h.session.Changed() {
		w.h.m.config.Logger.ErrorContext(w.h.ctx, "session: the response has begun before the session was saved, without its cookie: "+
			"have the framework write to the http.ResponseWriter that the middleware passes on", "session", &w.h.session)
	}
}

// answersLater reports whether a writer is of the kind that Echo has, whose adapter for middleware answers an error after
// the middleware has ended.
func answersLater(w http.ResponseWriter) bool {
	_, later := w.(interface{ Before(func()) })
	return later
}

// begun reports whether a framework's writer says that the response has begun.
func begun(w http.ResponseWriter) bool {
	for w != nil {
		if writer, ok := w.(interface{ Written() bool }); ok && writer.Written() {
			return true
		}
		below, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = below.Unwrap()
	}
	return false
}

// wrap returns the writer with the abilities of the one below, also of those that it unwraps to.
func (w *response) wrap() http.ResponseWriter {
	below := w.ResponseWriter
	// What http.ResponseController finds below, without this, it uses without a commit.
	flushes := can[http.Flusher](below) || can[interface{ FlushError() error }](below)
	hijacks := can[http.Hijacker](below)
	switch {
	case flushes && hijacks:
		return flushHijackWriter{w}
	case flushes:
		return flushWriter{w}
	case hijacks:
		return hijackWriter{w}
	}
	return w
}

func can[T any](w http.ResponseWriter) bool {
	for {
		if _, ok := w.(T); ok {
			return true
		}
		below, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = below.Unwrap()
	}
}

// Each of these is a pointer in a struct, which an interface holds without an allocation.
type (
	flushWriter       struct{ *response }
	hijackWriter      struct{ *response }
	flushHijackWriter struct{ *response }
)

func (w flushWriter) Flush()                                             { _ = w.flush() }
func (w flushWriter) FlushError() error                                  { return w.flush() }
func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w flushHijackWriter) Flush()                                       { _ = w.flush() }
func (w flushHijackWriter) FlushError() error                            { return w.flush() }
func (w flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
