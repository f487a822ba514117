// Package browser tests examples/live as it is used: the program is built and started, driven by an HTTP client and by a
// headless Chromium, killed, and started again. It is a module of its own, so that nobody who imports the library gets what
// it takes to drive a browser.
//
// If no Chromium is installed, its tests are skipped and say what to install; with CI in the environment they fail.
// SESSIONS_SCREENSHOTS names a folder for the screenshots; by default they go to a temporary one.
package browser
