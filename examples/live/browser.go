package main

import "strings"

// browserName makes two words of a User-Agent: enough for people to recognise their devices.
func browserName(userAgent string) string {
	app := firstOf(userAgent, [][2]string{
		{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
		{"curl/", "curl"}, {"Go-http-client/", "a Go program"},
	}, "Unknown browser")
	system := firstOf(userAgent, [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"},
		{"Linux", "Linux"},
	}, "")
	if system == "" {
		return app
	}
	return app + " on " + system
}

// firstOf returns the name beside the first mark that the text has.
func firstOf(text string, marks [][2]string, otherwise string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark[0]) {
			return mark[1]
		}
	}
	return otherwise
}
