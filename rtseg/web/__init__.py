"""A run in the browser: `--serve HOST:PORT`.

shelf.py        the latest picture, for viewers who come for it; a sink
film.py         all pictures as a film, for WebRTC
rtc.py          WebRTC
past.py         pictures from all along the run, to seek in
packet.py       what a viewer gets of a picture: JPEG, class map, where it comes from
state.py        how the run goes, twice a second, from its meter and books
viewer.py       one viewer's connection: the latest wins, and nobody waits for it
door.py         who may come in: Host, Origin, token, rate; the headers of every answer
connections.py  how many may be connected, and for how long without a word
app.py          the routes of a run
batch.py        the page of a batch
files.py        the files of the pages
page.py         a run's page: made before the run, started with it
openapi.py      what they are, for machines and people
server.py       the thread that serves them
page/           the pages themselves, as the browser gets them
"""
