package graphqlapp

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

type shown struct {
	Account struct {
		User, Flash, Here string
		Sessions          []string
	}
}

// send executes an operation and checks the status.
func send(t *testing.T, c *suite.Client, query string, status int) (data shown) {
	t.Helper()
	body, err := json.Marshal(operation{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	got, answer := c.Send(c.Request("POST", "/graphql", string(body)))
	if got != status {
		t.Errorf("%s: status %d, want %d; %s", query, got, status, answer)
	}
	if status == http.StatusOK {
		out := struct{ Data *shown }{&data}
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

const all = `{ account { user flash here sessions } }`

func TestGraphQL(t *testing.T) {
	here := suite.New(t, New)
	there := here.Another()
	send(t, here, `mutation { login(user: "ada") { user here } }`, 200)
	send(t, there, `mutation { login(user: "ada") { user } }`, 200)
	account := send(t, here, all, 200).Account
	if account.User != "ada" || account.Flash != "Welcome, ada" || len(account.Sessions) != 2 || account.Sessions[1] != account.Here {
		t.Fatalf("the account shows %+v", account)
	}
	if flash := send(t, here, all, 200).Account.Flash; flash != "" {
		t.Errorf("the message is shown again: %q", flash)
	}
	send(t, here, `mutation { end(session: "`+account.Sessions[0]+`") }`, 200)
	if user := send(t, there, all, 200).Account.User; user != "" {
		t.Errorf("%s is still logged in there", user)
	}
	send(t, here, `mutation { fill }`, 413)
	send(t, here, `mutation { break }`, 500)
	list, err := here.Manager.Sessions(t.Context(), "ada", "a", "broken")
	if err != nil || len(list) != 1 || len(list[0].Keys()) != 0 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	send(t, here, `mutation { logout }`, 200)
	if user := send(t, here, all, 200).Account.User; user != "" {
		t.Errorf("%s is still logged in", user)
	}
}

// dial opens a socket.
func dial(t *testing.T, c *suite.Client, origin string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(c.URL, "http")+"/graphql", &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: c.Jar}, HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{"graphql-transport-ws"},
	})
}

func TestSubscription(t *testing.T) {
	c := suite.New(t, New)
	send(t, c, `mutation { login(user: "ada") { user } }`, 200)
	send(t, c, all, 200)
	if _, response, err := dial(t, c, "https://evil.example"); err == nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("a foreign page's handshake: %v", err)
	}
	conn, _, err := dial(t, c, c.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	say := func(m message) {
		t.Helper()
		if err := wsjson.Write(t.Context(), conn, m); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(kind string) (m message) {
		t.Helper()
		if err := wsjson.Read(t.Context(), conn, &m); err != nil || m.Type != kind {
			t.Fatalf("%q, %v, want %q", m.Type, err, kind)
		}
		return m
	}
	say(message{Type: "connection_init"})
	hear("connection_ack")
	say(message{ID: "1", Type: "subscribe", Payload: json.RawMessage(`{"query":"subscription { account { user flash sessions } }"}`)})
	if first := hear("next"); !strings.Contains(string(first.Payload), `"flash":""`) {
		t.Errorf("at first %s", first.Payload)
	}
	for _, cookie := range c.Jar.Cookies(c.Request("GET", "/graphql", "").URL) {
		job, err := c.Manager.Open(t.Context(), cookie.Value)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(job.Set("flash", "done"), job.Save(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if second := hear("next"); !strings.Contains(string(second.Payload), `"flash":"done"`) {
		t.Errorf("then %s", second.Payload)
	}
	if flash := send(t, c, all, 200).Account.Flash; flash != "" {
		t.Errorf("the message is shown again: %q", flash)
	}
	send(t, c, `mutation { login(user: "ada") { user } }`, 200)
	var m message
	err = wsjson.Read(t.Context(), conn, &m)
	if code := websocket.CloseStatus(err); code != 4001 {
		t.Errorf("the socket of the token from before ends with %v, %v", m, err)
	}
}

// A subscription ends with its session, however that ends.
func TestSubscriptionEnds(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *suite.Client){
		"logout": func(t *testing.T, c *suite.Client) { send(t, c, `mutation { logout }`, 200) },
		"revoked": func(t *testing.T, c *suite.Client) {
			if n, err := c.Manager.RevokeOwner(t.Context(), "ada", session.Handle{}); n != 1 || err != nil {
				t.Fatalf("%d revoked, %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := suite.New(t, New)
			send(t, c, `mutation { login(user: "ada") { user } }`, 200)
			conn, _, err := dial(t, c, c.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			one := message{ID: "1", Type: "subscribe", Payload: json.RawMessage(`{"query":"subscription { account { user } }"}`)}
			for _, m := range []message{{Type: "connection_init"}, one} {
				if err := wsjson.Write(t.Context(), conn, m); err != nil {
					t.Fatal(err)
				}
			}
			var m message
			for m.Type != "next" {
				if err := wsjson.Read(t.Context(), conn, &m); err != nil {
					t.Fatal(err)
				}
			}
			end(t, c)
			for err == nil {
				err = wsjson.Read(t.Context(), conn, &m)
			}
			if code := websocket.CloseStatus(err); code != 4001 {
				t.Errorf("the socket ends with %v, after %v", err, m)
			}
		})
	}
}

// What the protocol forbids ends the connection with its code.
func TestProtocol(t *testing.T) {
	c := suite.New(t, New)
	start := message{Type: "connection_init"}
	one := message{ID: "1", Type: "subscribe", Payload: json.RawMessage(`{"query":"subscription { account { user } }"}`)}
	for name, dialogue := range map[string]struct {
		say  []message
		code websocket.StatusCode
	}{
		"subscribe at first":   {[]message{one}, 4401},
		"two beginnings":       {[]message{start, start}, 4429},
		"one id twice":         {[]message{start, one, one}, 4409},
		"nonsense":             {[]message{start, {Type: "nonsense"}}, 4400},
		"a subscribe of none":  {[]message{start, {ID: "1", Type: "subscribe"}}, 4400},
		"complete is no error": {[]message{start, {ID: "1", Type: "complete"}, {Type: "ping"}, {Type: "nonsense"}}, 4400},
	} {
		t.Run(name, func(t *testing.T) {
			conn, _, err := dial(t, c, c.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			for _, m := range dialogue.say {
				if err := wsjson.Write(t.Context(), conn, m); err != nil {
					t.Fatal(err)
				}
			}
			for err == nil {
				_, _, err = conn.Read(t.Context())
			}
			if code := websocket.CloseStatus(err); code != dialogue.code {
				t.Errorf("code %d, want %d: %v", code, dialogue.code, err)
			}
		})
	}
}
