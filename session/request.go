package session

import "net/http"

// BeginRequest is Begin for a request over HTTP that does not come by way of [Manager.Handler], because its framework
// is not one of net/http. The token is found as Handler does, in its cookie or header; the Origin of a WebSocket
// handshake and the proof of a device are checked; a session of another system is taken over. Of r, which may be made
// for this call, it needs method, URL, host, header, and the context. Config.Enabled is not called. Errors are for
// StatusCode.
//
// When the answer's status is known, CommitStatus and Announce are due:
//
//	x, err := manager.BeginRequest(r)
//	if err != nil {
//		return fail(session.StatusCode(err))
//	}
//	defer x.Close()
//	status := handle(x.Context())
//	if err := x.CommitStatus(status); err != nil {
//		status = fail(session.StatusCode(err)) // in place of the handler's answer
//	}
//	x.Announce(header)
//
// If DeviceBound is used, Handler has to serve its Path.
func (m *Manager) BeginRequest(r *http.Request) (*Exchange, error) {
	x := &Exchange{}
	x.init(m, r.Context())
	if err := x.begin(r); err != nil {
		return nil, err
	}
	if m.servesDevice(r) {
		x.admit(r)
	}
	if isUpgrade(r) && m.config.WebSocket.Create {
		x.session.wantRow()
	}
	return x, nil
}

// begin loads the request's session, or takes it over from another system, and admits the request to it. A browser's
// request for binding is not admitted: it may have no proof yet, and opens nothing.
func (x *Exchange) begin(r *http.Request) error {
	if err := x.start(r); err != nil || x.m.servesDevice(r) {
		return err
	}
	opens, err := x.takeOver(r)
	if err != nil {
		return err
	}
	x.admit(r)
	switch {
	case opens == nil:
	case x.suspect:
		x.live = false // no token of the request's has opened the session, and it is not given one
	default:
		x.arrived, x.adopted = opens, true
		x.session.resend()
	}
	return nil
}

// admit checks the proof of the session's device, and then keeps the session alive for the request.
func (x *Exchange) admit(r *http.Request) {
	x.checkDevice(x.m, r)
	x.session.keepAlive(x.ctx)
}

// start finds the request's token and loads its session.
func (x *Exchange) start(r *http.Request) error {
	if isUpgrade(r) {
		if err := x.m.checkOrigin(r); err != nil {
			x.m.logRefused(r, err)
			return err
		}
	}
	tokens, err := x.m.find(r)
	switch {
	case err != nil:
		return err
	case len(tokens) == 0:
		return nil
	case len(tokens) == 1:
		return x.open(r.Context(), tokens[0])
	}
	x.from = r
	return x.openOneOf(r.Context(), tokens)
}

// CommitStatus is Commit before an HTTP response of that status. As Handler does, it saves nothing before one of 500 or
// above, and returns no error of a change that has failed before one of 400 or above, which reports it. Its own error is to
// be answered in place of that response.
func (x *Exchange) CommitStatus(status int) error {
	err := x.commitStatus(status)
	x.session.sealNow()
	return err
}

func (x *Exchange) commitStatus(status int) error {
	switch {
	case status >= http.StatusInternalServerError:
		x.session.drop()
		x.settle()
	case status >= http.StatusBadRequest:
		// The handler reports an error by itself; that of a Set which failed is what it reports.
		_ = x.session.forgive()
	}
	if status != http.StatusSwitchingProtocols {
		x.session.unwantRow()
	}
	if err := x.commit(); err != nil && !x.session.answered(status, err) {
		return err
	}
	return nil
}

// Announce puts what the client has to be sent into the header of an HTTP response, after the commit, whether that has
// succeeded or failed; and what keeps caches from it.
func (x *Exchange) Announce(header http.Header) {
	x.session.sealNow()
	if offer := x.registration(); offer != "" {
		header.Set("Secure-Session-Registration", offer)
	}
	name, values := x.fields()
	if len(values) > 0 || x.used.Load() {
		addVary(header, x.m.vary)
	}
	if len(values) == 0 {
		return
	}
	forbidCaching(header)
	if name != "Set-Cookie" {
		header.Del(name)
	}
	for _, value := range values {
		header.Add(name, value)
		x.keepInOuterResponses(name, value)
	}
}

// fields are those of the header that bring the client its token, or take it away.
func (x *Exchange) fields() (name string, values []string) {
	if name = x.m.config.Header; name == "" {
		return "Set-Cookie", x.Cookies()
	}
	if token, due := x.Token(); due {
		values = []string{token}
	}
	return name, values
}

// keepInOuterResponses has managers around this one keep a field if their own commit fails.
func (x *Exchange) keepInOuterResponses(name, value string) {
	for sc := x.scope.outer; sc != nil; sc = sc.outer {
		if sc.h != nil {
			sc.h.w.keepOnFailure(name, value)
		}
	}
}

// forbidCaching keeps a response with a token out of every cache (RFC 9111, 5.2.2.5), also out of those that obey fields of
// their own (RFC 9213).
func forbidCaching(header http.Header) {
	header.Set("Cache-Control", "no-store")
	for _, name := range []string{"Expires", "Cdn-Cache-Control", "Surrogate-Control"} {
		header.Del(name)
	}
	for name := range header {
		if len(name) > len("-Cdn-Cache-Control") && name[len(name)-len("-Cdn-Cache-Control"):] == "-Cdn-Cache-Control" {
			header.Del(name)
		}
	}
}

func addVary(header http.Header, name string) {
	for _, line := range header["Vary"] {
		if line == name {
			return
		}
	}
	header["Vary"] = append(header["Vary"], name)
}
