// Pages opened as files can start no worker, since browsers forbid it: search's then runs in a
// hidden frame, which the theme's worker knows by the name IFrameWorker.
if (location.protocol === "file:")
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super()
      this.frame = Object.assign(document.createElement("iframe"), {hidden: true, srcdoc: "<!doctype html>"})
      this.loaded = new Promise(loaded => this.frame.onload = loaded).then(() => {
        const inside = this.frame.contentWindow
        const load = src => new Promise((onload, onerror) =>
          inside.document.head.append(
            Object.assign(inside.document.createElement("script"), {src, onload, onerror})))
        inside.importScripts = (...sources) =>
          sources.reduce((before, each) => before.then(() => load(each)), Promise.resolve())
        inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", {data}))
        return load(new URL(url, document.baseURI))
      })
      document.body.append(this.frame)
    }

    postMessage(data) {
      this.loaded.then(() => {
        const inside = this.frame.contentWindow
        inside.dispatchEvent(new inside.MessageEvent("message", {data}))
      })
    }

    terminate() {
      this.frame.remove()
    }
  }
