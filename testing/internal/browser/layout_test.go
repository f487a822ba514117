package browser

// wide finds elements that stick out of the window.
const wide = `[...document.querySelectorAll("body *")]
	.filter((e) => !e.closest(".hidden") && e.getBoundingClientRect().right > innerWidth + 1)
	.map((e) => e.tagName + "." + e.className).join(" ")`

// nameless finds controls that a screen reader has nothing to say of.
const nameless = `[...document.querySelectorAll("button, input, select, textarea")]
	.filter((e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))
	.map((e) => e.outerHTML).join(" ")`

// faint finds text whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3), where its background is one colour.
const faint = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = (colour) => {
		const [r, g, b] = rgba(colour).slice(0, 3).map((c) => c / 255)
			.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const colour = getComputedStyle(e).backgroundColor;
			if (rgba(colour)[3] === 255) return colour;
		}
		return "white";
	};
	const shown = (e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
	const low = (e) => {
		const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05) < 4.5;
	};
	return [...document.querySelectorAll("body *")].filter((e) => shown(e) && !e.disabled && low(e))
		.map((e) => e.tagName + "#" + e.id + "." + e.className + " " + getComputedStyle(e).color + " on " + behind(e)).join("; ");
})()`

// fits checks that nothing has to be scrolled sideways, and that all text can be read once the colours have settled.
func (p *tab) fits() {
	p.t.Helper()
	if got := p.eval("document.documentElement.scrollWidth - innerWidth"); got != "0" {
		p.t.Errorf("the page is %s pixels too wide: %s", got, p.eval(wide))
	}
	p.is(faint, "")
}

// named checks that every control has a name.
func (p *tab) named() {
	p.t.Helper()
	if got := p.eval(nameless); got != "" {
		p.t.Errorf("controls without a name: %s", got)
	}
}
