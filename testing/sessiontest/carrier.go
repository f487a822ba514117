package sessiontest

import "net/http"

// carrier is where a manager has its token: a cookie or a header of that name.
type carrier struct{ cookie, header string }

// findCarrier looks for a token in a response; opens says whether a text is one.
func findCarrier(response *http.Response, opens func(string) bool) carrier {
	for _, cookie := range response.Cookies() {
		if opens(cookie.Value) {
			return carrier{cookie: cookie.Name}
		}
	}
	for name, values := range response.Header {
		if len(values) == 1 && opens(values[0]) {
			return carrier{header: name}
		}
	}
	return carrier{}
}

// get returns the token that a response sets, "" if it ends the session; told is false if the response says nothing of
// it.
func (c carrier) get(response *http.Response) (token string, told bool) {
	if c.header != "" {
		values, told := response.Header[c.header]
		return response.Header.Get(c.header), told && len(values) > 0
	}
	for _, cookie := range response.Cookies() {
		if cookie.Name == c.cookie {
			if token, told = cookie.Value, true; cookie.MaxAge < 0 {
				token = ""
			}
		}
	}
	return token, told
}

// put replaces a token that the request has from an earlier use.
func (c carrier) put(r *http.Request, token string) {
	if c.header != "" {
		r.Header.Set(c.header, token)
		return
	}
	others := r.Cookies()
	r.Header.Del("Cookie")
	for _, cookie := range others {
		if cookie.Name != c.cookie {
			r.AddCookie(cookie)
		}
	}
	r.AddCookie(&http.Cookie{Name: c.cookie, Value: token})
}
