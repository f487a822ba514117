package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func main() {
	handler, err := newHandler(memstore.New())
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("localhost:8080", handler))
}

// newHandler serves a page, and the metrics beside the sessions.
func newHandler(store session.Store) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	config := session.Config{
		Cookie:  session.Cookie{InsecureHTTP: true}, // not in production
		Observe: newMetrics(registry).observe,
	}
	sessions, err := session.New(store, config)
	if err != nil {
		return nil, err
	}
	sockets(registry, sessions)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/", sessions.Handler(http.HandlerFunc(visit)))
	return mux, nil
}

func visit(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	n, err := session.ModifyKey(r.Context(), s, "visits", func(n int) (int, error) { return n + 1, nil })
	if err != nil {
		http.Error(w, "try again", session.StatusCode(err))
		return
	}
	fmt.Fprintf(w, "This is visit %d.\n", n)
}
