package session

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
)

// writer commits the session before the response's first byte leaves. It can do what the writer below can, and no more:
// the wrappers at the end add Flusher and Hijacker.
type writer struct {
	http.ResponseWriter
	c         *conn
	kept      http.Header // what stood in the header before the handler, where anything did
	committed bool
	failed    error // of the commit: the error handler has answered
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// commit saves the session and completes the header. Where that fails, the error handler answers in the handler's place.
func (w *writer) commit(status int) error {
	if w.committed {
		return w.failed
	}
	w.committed = true
	if status >= http.StatusBadRequest {
		// The handler reports an error by itself; that of a Set which failed is what it reports.
		_ = w.c.session.forgive()
	}
	if err := w.c.shallow(func() error { return w.c.save(true) }); err != nil && !w.c.session.answered(status, err) {
		w.fail(err)
		return err
	}
	w.c.announce(w.Header())
	if w.c.watch != nil {
		w.c.m.hub.join(w.c.watch, w.c.m) // the commit may have made the row
	}
	return nil
}

// forgive returns the error of a change that failed, which no Save returns any more then.
func (s *Session) forgive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.failed
	s.failed = nil
	return err
}

// answered reports whether the handler's response stands although the session could not be saved: where it has been told so
// by a Save of its own, and answers with an error, or sends the client elsewhere because nothing can be saved. What is
// pending is given up then.
func (s *Session) answered(status int, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	redirects := status >= http.StatusMultipleChoices && decided(err)
	if s.told == nil || status < http.StatusBadRequest && !redirects {
		return false
	}
	s.pending = patch{}
	return true
}

// keep has a field stand that a manager inside has set for what is durable, also where the commit of this one fails.
func (w *writer) keep(name, value string) {
	if w.kept == nil {
		w.kept = http.Header{}
	}
	w.kept.Add(name, value)
	w.kept.Set("Cache-Control", "no-store")
}

// fail discards what the handler has put into the header, and lets the error handler answer.
func (w *writer) fail(err error) {
	w.failed = err
	w.c.report(err)
	header := w.Header()
	clear(header)
	maps.Copy(header, w.kept)
	addVary(header, w.c.m.vary)
	w.c.announce(header) // what is durable, because the handler has saved it before
	w.c.session.manager().config.ErrorHandler(w.ResponseWriter, w.c.request, err)
}

// WriteHeader implements http.ResponseWriter. Informational responses pass without a commit, as a final one follows.
func (w *writer) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		if w.failed == nil {
			w.ResponseWriter.WriteHeader(status)
		}
		return
	}
	if w.commit(status) == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	if err := w.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// WriteString implements io.StringWriter.
func (w *writer) WriteString(s string) (int, error) {
	if err := w.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom implements io.ReaderFrom, with that of the writer below where it has one, so that files go by sendfile.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	if err := w.commit(http.StatusOK); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, r)
}

func (w *writer) flush() error {
	if err := w.commit(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.commit(http.StatusSwitchingProtocols); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// wrap returns the writer with the abilities of the one below, also of those that it unwraps to.
func (w *writer) wrap() http.ResponseWriter {
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
	flushWriter       struct{ *writer }
	hijackWriter      struct{ *writer }
	flushHijackWriter struct{ *writer }
)

func (w flushWriter) Flush()                                             { _ = w.flush() }
func (w flushWriter) FlushError() error                                  { return w.flush() }
func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error)      { return w.hijack() }
func (w flushHijackWriter) Flush()                                       { _ = w.flush() }
func (w flushHijackWriter) FlushError() error                            { return w.flush() }
func (w flushHijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
