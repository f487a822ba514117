package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session"
)

// state is what the page shows of a session.
type state struct {
	New            bool                       `json:"new"`
	Changed        bool                       `json:"changed"`
	TimeoutSeconds float64                    `json:"timeout_seconds"`
	Expiration     *time.Time                 `json:"expiration"` // null while the session has no row
	Data           map[string]json.RawMessage `json:"data"`
}

func stateOf(s *session.Session) state {
	st := state{
		New:            s.IsNew(),
		Changed:        s.Changed(),
		TimeoutSeconds: s.Timeout().Seconds(),
		Data:           maps.Collect(s.All()),
	}
	if expiration := s.Expiration(); !expiration.IsZero() {
		st.Expiration = &expiration
	}
	return st
}

func getSession(w http.ResponseWriter, _ *http.Request, s *session.Session) error {
	writeJSON(w, http.StatusOK, stateOf(s))
	return nil
}

func putEntry(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	value, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return bodyError(err)
	}
	return done(w, s.Set(r.PathValue("key"), json.RawMessage(value)))
}

func deleteEntry(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	return done(w, s.Delete(r.PathValue("key")))
}

func postIncrement(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	value, err := increment(r.Context(), s, r.PathValue("key"))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]json.RawMessage{"value": value})
	return nil
}

func postRotate(w http.ResponseWriter, _ *http.Request, s *session.Session) error {
	return done(w, s.Generate())
}

func postDestroy(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	return done(w, s.Destroy(r.Context()))
}

// putTimeout gives the session an idle timeout of its own; 0 takes it back.
func putTimeout(w http.ResponseWriter, r *http.Request, s *session.Session) error {
	var body struct{ Seconds *float64 }
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Seconds == nil || *body.Seconds > session.MaxTimeout.Seconds() {
		return badRequest("seconds is missing or too large")
	}
	idle := time.Duration(*body.Seconds * float64(time.Second)).Round(time.Millisecond)
	return done(w, s.SetTimeout(idle))
}

// done answers 204 if err is nil. The first byte of the answer commits the session, so that Config.ErrorHandler answers
// instead if the save fails.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
