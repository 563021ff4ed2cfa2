(() => {
  const tip = document.getElementById("tip");

  for (const mark of document.querySelectorAll("[data-tip]")) {
    // The tip replaces the browser's own tooltip, which would cover it.
    mark.querySelector("title")?.remove();
    mark.setAttribute("aria-label", mark.dataset.tip);
  }

  const hide = () => {
    tip.style.display = "none";
  };

  const show = (event) => {
    const mark = event.target.closest?.("[data-tip]");
    if (!mark) {
      hide();
      return;
    }
    tip.textContent = mark.dataset.tip;
    tip.style.display = "block";
    const at = mark.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = Math.min(
      Math.max(at.left + at.width / 2 - own.width / 2, 6),
      document.documentElement.clientWidth - own.width - 6,
    );
    const above = at.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 8}px`;
  };

  for (const kind of ["pointerover", "pointerdown", "focusin"]) {
    document.addEventListener(kind, show);
  }
  document.addEventListener("scroll", hide, { passive: true });
})();
