package connectapp

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const tokenHeader = "Session-Token"

// client keeps its token.
type client struct {
	t        *testing.T
	url      string
	http     *http.Client
	protocol connect.ClientOption
	token    string
}

// protocols runs a test in each of connect's.
func protocols(t *testing.T, test func(*testing.T, *client, *session.Manager)) {
	protocolsWithin(t, time.Minute, test)
}

func protocolsWithin(t *testing.T, limit time.Duration, test func(*testing.T, *client, *session.Manager)) {
	for name, protocol := range map[string]connect.ClientOption{
		"connect": connect.WithProtoJSON(), "gRPC": connect.WithGRPC(), "gRPC-Web": connect.WithGRPCWeb(),
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := suite.NewManager(t, session.Config{Header: tokenHeader})
			server := httptest.NewUnstartedServer(New(m, limit))
			server.Config.Protocols = &http.Protocols{}
			server.Config.Protocols.SetUnencryptedHTTP2(true)
			server.Start()
			t.Cleanup(server.Close)
			transport := &http.Transport{Protocols: server.Config.Protocols}
			t.Cleanup(transport.CloseIdleConnections)
			test(t, &client{t: t, url: server.URL, http: &http.Client{Transport: transport}, protocol: protocol}, m)
		})
	}
}

// call calls a method and checks the code of its error.
func call[In, Out any](c *client, method string, in *In, want connect.Code) *Out {
	c.t.Helper()
	request := connect.NewRequest(in)
	if c.token != "" {
		request.Header().Set(tokenHeader, c.token)
	}
	to := connect.NewClient[In, Out](c.http, c.url+Service+method, c.protocol, connect.WithSendGzip())
	answer, err := to.CallUnary(c.t.Context(), request)
	if err == nil {
		c.take(answer.Header())
		if want != 0 {
			c.t.Errorf("%s: no error, want %v", method, want)
		}
		return answer.Msg
	}
	if connect.CodeOf(err) != want {
		c.t.Errorf("%s: %v, want %v", method, err, want)
	}
	c.take(copied(err).Meta())
	return new(Out)
}

func (c *client) take(header http.Header) {
	if sent := header.Values(tokenHeader); len(sent) > 0 {
		c.token = sent[0]
	}
}

func (c *client) login(user string, want connect.Code) {
	c.t.Helper()
	call[wrapperspb.StringValue, emptypb.Empty](c, "Login", wrapperspb.String(user), want)
}

func (c *client) do(method string, want connect.Code) {
	c.t.Helper()
	call[emptypb.Empty, emptypb.Empty](c, method, &emptypb.Empty{}, want)
}

func (c *client) account() (shown struct {
	User, Flash, Here string
	Sessions          []string
}) {
	c.t.Helper()
	raw := call[emptypb.Empty, wrapperspb.BytesValue](c, "Account", &emptypb.Empty{}, 0)
	if err := json.Unmarshal(raw.Value, &shown); err != nil {
		c.t.Fatal(err)
	}
	return shown
}

func TestLoginAndLogout(t *testing.T) {
	protocols(t, func(t *testing.T, c *client, _ *session.Manager) {
		c.login("", connect.CodeInvalidArgument)
		c.login("ada", 0)
		if shown := c.account(); shown.User != "ada" || shown.Flash != "Welcome, ada" || len(shown.Sessions) != 1 {
			t.Errorf("the account shows %+v", shown)
		}
		if shown := c.account(); shown.Flash != "" {
			t.Errorf("the message is shown again: %q", shown.Flash)
		}
		there := *c
		there.token = ""
		there.login("ada", 0)
		shown := c.account()
		if len(shown.Sessions) != 2 || shown.Sessions[1] != shown.Here {
			t.Fatalf("the account shows %+v", shown)
		}
		call[wrapperspb.StringValue, emptypb.Empty](c, "End", wrapperspb.String(shown.Sessions[0]), 0)
		if user := there.account().User; user != "" {
			t.Errorf("%s is still logged in there", user)
		}
		c.do("Logout", 0)
		if shown := c.account(); shown.User != "" || c.token != "" {
			t.Errorf("%s is still logged in", shown.User)
		}
	})
}

// What fails saves nothing; a token that a call has saved by itself arrives all the same, and with nobody else.
func TestFailures(t *testing.T) {
	protocols(t, func(t *testing.T, c *client, m *session.Manager) {
		c.login("ada", 0)
		c.account()
		c.do("Fill", connect.CodeResourceExhausted)
		c.do("Break", connect.CodeInternal)
		c.do("Abort", connect.CodeAborted)
		if user := c.account().User; user != "ada" {
			t.Errorf("%q is logged in", user)
		}
		list, err := m.Sessions(t.Context(), "ada", "a", "b", "broken")
		if err != nil || len(list) != 1 || len(list[0].Keys()) != 0 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
		if copied(errWho) == errWho {
			t.Error("an error of all clients gets the token of one")
		}
	})
}

// A call that has taken too long saves nothing, though its handler has logged somebody in.
func TestTooLate(t *testing.T) {
	protocolsWithin(t, 10*time.Millisecond, func(t *testing.T, c *client, m *session.Manager) {
		call[wrapperspb.StringValue, emptypb.Empty](c, "Late", wrapperspb.String("ada"), connect.CodeDeadlineExceeded)
		if list, err := m.Sessions(t.Context(), "ada"); err != nil || len(list) != 0 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
	})
}

func TestAStreamEndsWithTheSession(t *testing.T) {
	protocols(t, func(t *testing.T, c *client, _ *session.Manager) {
		c.login("ada", 0)
		request := connect.NewRequest(&emptypb.Empty{})
		request.Header().Set(tokenHeader, c.token)
		to := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](c.http, c.url+Service+"Events", c.protocol)
		events, err := to.CallServerStream(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		defer events.Close()
		if !events.Receive() || events.Msg().Value != "hello ada" {
			t.Fatalf("%q, %v", events.Msg().Value, events.Err())
		}
		c.do("Logout", 0)
		if events.Receive() || connect.CodeOf(events.Err()) != connect.CodeUnauthenticated {
			t.Errorf("the stream ends with %v", events.Err())
		}
	})
}
