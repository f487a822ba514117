package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	scsmem "github.com/alexedwards/scs/v2/memstore"
	"github.com/simples-go/sessions/session/memstore"
)

// discarding is a response that costs nothing by itself.
type discarding struct{ header http.Header }

func (w *discarding) Header() http.Header         { return w.header }
func (w *discarding) Write(p []byte) (int, error) { return len(p), nil }
func (w *discarding) WriteHeader(int)             {}

// BenchmarkMiddleware serves requests without a connection: the middleware alone, of this library and of scs, each on a
// memory store with a session of 400 bytes.
func BenchmarkMiddleware(b *testing.B) {
	want := content(400)[entry]
	for work, method := range map[string]string{"read": http.MethodGet, "write": http.MethodPost} {
		b.Run("sessions/"+work, func(b *testing.B) {
			store := memstore.New()
			cookies := must(oursCookies(b.Context(), store, 400, 1))
			serveAlone(b, oursHandler(store, 400), method, cookies[0])
		})
		b.Run("scs/"+work, func(b *testing.B) {
			m := scs.New()
			m.Store = scsmem.NewWithCleanupInterval(0)
			if err := m.Store.Commit("token", scsBlob(400), time.Now().Add(lifetime)); err != nil {
				b.Fatal(err)
			}
			h := m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					m.Put(r.Context(), entry, want)
				}
				respond(w, m.GetString(r.Context(), entry), context.Cause(r.Context()))
			}))
			serveAlone(b, h, method, m.Cookie.Name+"=token")
		})
	}
}

func serveAlone(b *testing.B, h http.Handler, method, cookie string) {
	r := httptest.NewRequest(method, "/", nil)
	r.Header.Set("Cookie", cookie)
	probe := httptest.NewRecorder()
	if h.ServeHTTP(probe, r); probe.Code != http.StatusOK || probe.Body.String() != "ok" {
		b.Fatalf("status %d, body %q", probe.Code, probe.Body)
	}
	w := &discarding{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}
