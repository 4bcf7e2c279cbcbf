// The page that asks for the password, when the workbench serves other machines.

const password = document.getElementById("password");
const error = document.getElementById("error");

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/login", { method: "POST", body: password.value });
  if (answer.ok) {
    location.assign("/");
  } else {
    error.textContent = (await answer.json()).error;
    password.select();
  }
});
