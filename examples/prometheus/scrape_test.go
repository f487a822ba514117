package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// brittle is a store whose loads can be made to fail.
type brittle struct {
	session.Store
	down bool
}

// Load implements session.Store.
func (b *brittle) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	if b.down {
		return store.Record{}, errors.New("the database is down")
	}
	return b.Store.Load(ctx, ref)
}

// TestScrape: what a scraper reads is what the dashboard and the rules ask for.
func TestScrape(t *testing.T) {
	on := &brittle{Store: memstore.New()}
	handler, err := newHandler(on)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	get(t, client, server.URL)
	get(t, client, server.URL)
	on.down = true
	get(t, client, server.URL)
	text := get(t, client, server.URL+"/metrics")
	for _, want := range []string{
		`sessions_operations_total{error_type="",sessions_operation_name="create",sessions_outcome="ok"} 1`,
		`sessions_operations_total{error_type="",sessions_operation_name="save",sessions_outcome="ok"} 1`,
		`sessions_operations_total{error_type="_OTHER",sessions_operation_name="load",sessions_outcome="failed"} 1`,
		`sessions_operation_duration_seconds_bucket{sessions_operation_name="load",sessions_outcome="ok",le="+Inf"}`,
		"sessions_sockets_open 0",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in\n%s", want, text)
		}
	}
	for _, file := range []string{"dashboard.json", "alerts-service.yaml"} {
		asked := readFile(t, "../../docs/operations/files/"+file)
		for _, name := range regexp.MustCompile(`sessions_\w+|error_type`).FindAllString(asked, -1) {
			if !regexp.MustCompile(`(?m)^` + name + `[{ ]|[{,]` + name + `="`).MatchString(text) {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
